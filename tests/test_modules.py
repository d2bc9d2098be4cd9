"""Modules of a package are found without a list."""

from mscape.modules import members


def test_every_module_that_has_the_member_is_found_in_order_of_names():
    verbs = members("mscape.report.sections", "SECTION")
    assert len(verbs) > 10
    assert [one.id for one in verbs] == sorted(one.id for one in verbs)


def test_modules_without_the_member_are_left_out():
    assert members("mscape.report.sections", "NO_SUCH_NAME") == []
