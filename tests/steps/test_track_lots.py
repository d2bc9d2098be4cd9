"""Page and tables of the control charts."""

from types import SimpleNamespace

import tracked_runs

import track_lots
from mscape.data.table_io import read_table


def draw(tmp_path, purities, **settings):
    folder = tracked_runs.write_run(tmp_path, tracked_runs.make_lots(purities))
    place = folder / "results/release"
    given = SimpleNamespace(passports=[str(place / "passports.json")])
    output = SimpleNamespace(page=tmp_path / "t.html", table=tmp_path / "track.tsv", sight=tmp_path / "track_sight.tsv")
    track_lots.main(given, output, SimpleNamespace(settings=settings, title="Study", simulated=["release"]))
    return output.page.read_text(), read_table(output.table), read_table(output.sight)


def test_the_page_begins_with_what_was_found(tmp_path):
    page, table, sight = draw(tmp_path, [0.01, 0.012, 0.009, 0.011, 0.013, 0.010, 0.2])
    assert "7 lots in 3 charts: 1 times beyond limits." in page
    assert "Of 6 judged numbers, 0.0 would be beyond their limits by chance." in page
    assert "20%; the 6 lots before it predict" in page
    assert page.count('class="chart"') == 3
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert table.loc[table["finding"] == "beyond limits", "lot_id"].tolist() == ["L06"]
    assert set(sight["n_history"]) == {6}


def test_a_short_history_judges_nothing_and_says_so(tmp_path):
    page, table, _ = draw(tmp_path, [0.01, 0.02, 0.01])
    assert "3 lots: no chart has the 5 lots of history that a limit takes." in page
    assert set(table["finding"]) == {"not assessable"}
