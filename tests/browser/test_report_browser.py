"""Drive the report in a real headless Chromium: nothing is loaded, nothing breaks, everything can be used."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import report_fixture

import render_index
import render_report

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("MSCAPE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
AXE = [
    Path(os.environ.get("MSCAPE_AXE", "absent")),
    Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js",
]


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; install Debian's package chromium, or set MSCAPE_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


def write_report(folder, *, change=None, **study):
    given = report_fixture.make(folder, **study)
    if change:
        change(given)
    path = folder / "report.html"
    output = SimpleNamespace(html=str(path), figures=str(folder / "figures"))
    render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="Test"))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("browser"), cells=900)


@pytest.fixture
def open_page(browser):
    """Open a report; at the end of the test nothing may have been asked of the network or written as an error."""
    contexts, faults = [], []

    def watch(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            faults.append(f"request: {request.url}")

    def listen(message):
        if message.type in ("error", "warning"):
            faults.append(message.text)

    def opened(path, *, width=1280, height=900, theme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce", offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", watch)
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def test_opens_quietly_and_fits_the_window(open_page, report):
    for width in (1280, 390):
        page = open_page(report, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").inner_text() == "demo"


def wait_text(page, selector, text):
    """Wait for a text without evaluating strings, which the page's policy forbids."""
    page.locator(selector, has_text=text).wait_for()


def colour(page, text):
    """Choose a column by typing."""
    page.fill("#colour", text)
    page.press("#colour", "Enter")
    wait_text(page, "#map-title", text)


def test_gene_signature_and_category_can_be_searched_by_keyboard(open_page, report):
    page = open_page(report)
    colour(page, "NT5E")
    assert page.locator("#groups polygon.violin").count() == 6
    assert "NT5E" in page.locator("#groups-title").inner_text()
    colour(page, "SENMAYO")
    assert "(z)" in page.locator("#groups svg").inner_html()
    page.fill("#colour", "phase")
    page.press("#colour", "ArrowDown")
    page.press("#colour", "Enter")
    wait_text(page, "#map-title", "phase")
    assert page.locator("#groups rect.part").count() >= 18


def test_search_without_a_hit_says_so(open_page, report):
    page = open_page(report)
    page.fill("#colour", "nothing like this")
    assert "Nothing of that name" in page.locator("#colour-list").inner_text()
    page.press("#colour", "Enter")
    assert page.locator("#map-title").inner_text() == "UMAP by Gate call"


def test_selection_on_the_map_drives_chart_and_table(open_page, report):
    page = open_page(report)
    assert "900 of 900 cells" in page.locator("#linked-title").inner_text()
    box = page.locator("#map").bounding_box()
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    wait_text(page, "#selection", "selected")
    chosen = int(re.search(r"(\d+) cells selected", page.locator("#selection").inner_text()).group(1))
    assert 0 < chosen < 900
    rows = page.locator("#linked tbody tr td:nth-child(2)").all_inner_texts()
    assert sum(map(int, rows)) == chosen
    page.locator("#map").focus()
    page.keyboard.press("Escape")
    wait_text(page, "#linked-title", "900 of 900")


def test_the_keyboard_alone_reaches_map_search_and_lots(open_page, report):
    page = open_page(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#summary"
    page.locator("#colour").focus()
    page.keyboard.press("Escape")
    seen = []
    while not seen or seen[-1] != "map":
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
        assert len(seen) < 20, seen
    order = [name for name in ("map-choice", "group-by", "lot-box", "map-reset", "map-svg", "map") if name in seen]
    assert order == ["map-choice", "group-by", "lot-box", "map-reset", "map-svg", "map"]
    assert [seen.index(name) for name in order] == sorted(seen.index(name) for name in order)

    for _ in range(8):
        page.keyboard.press("+")
    page.keyboard.press("Enter")
    wait_text(page, "#selection", "selected")
    chosen = int(re.search(r"(\d+) cells selected", page.locator("#selection").inner_text()).group(1))
    assert 0 < chosen < 900
    page.keyboard.press("Escape")
    wait_text(page, "#linked-title", "900 of 900")

    page.locator("#lot-box summary").focus()
    page.keyboard.press("Enter")
    page.locator("#lot-list input").first.focus()
    page.keyboard.press("Space")
    wait_text(page, "#lot-count", "5 of 6")


def test_lots_can_be_chosen(open_page, report):
    page = open_page(report)
    page.locator("#lot-box summary").click()
    page.click("#lots-none")
    page.locator("#lot-list input").nth(2).check()
    wait_text(page, "#lot-count", "1 of 6")
    assert page.locator("#linked tbody th").all_inner_texts() == ["BM-D3-P9 late"]


def test_hover_names_the_cell(open_page, report):
    page = open_page(report)
    spot = page.evaluate(
        """() => { const box = document.querySelector('#map'); box.scrollIntoView();
        const {left, top} = box.getBoundingClientRect(); return [left, top, box.clientWidth, box.clientHeight]; }"""
    )
    found = False
    for i in range(400):
        x, y = spot[0] + spot[2] * ((i % 20) + 0.5) / 20, spot[1] + spot[3] * (i // 20 + 0.5) / 20
        page.mouse.move(x, y)
        if page.locator("#tip").is_visible():
            found = True
            break
    assert found
    text = page.locator("#tip").inner_text()
    assert "Gate call:" in text
    assert "Identity:" in text


def test_map_button_of_another_section_colours_the_map(open_page, report):
    page = open_page(report)
    page.locator("#clusters .lead .jump").click()
    wait_text(page, "#map-title", "Sub-population")
    assert page.locator("#map-choice").input_value() == "map_msc"


def downloaded(page, click, suffix):
    with page.expect_download() as waiting:
        click()
    path = Path(waiting.value.path())
    assert waiting.value.suggested_filename.endswith(suffix)
    return path.read_bytes()


def test_figures_and_tables_download(open_page, report):
    page = open_page(report)
    figure = page.locator("#identity figure").first
    svg = downloaded(page, figure.locator("[data-save=svg]").click, ".svg").decode()
    assert svg.startswith("<svg")
    assert "fill: rgb" in svg
    assert "run 3f9c2a71b0de · SIMULATED DATA" in svg
    png = downloaded(page, figure.locator("[data-save=png]").click, ".png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    heat = downloaded(page, page.locator("#scores [data-save-heat=svg]").first.click, ".svg").decode()
    assert heat.count("<rect") > 20
    assert downloaded(page, page.locator("#map-png").click, ".png")[:4] == b"\x89PNG"
    assert "<image" in downloaded(page, page.locator("#map-svg").click, ".svg").decode()
    table = downloaded(page, page.locator("#table-lots [data-csv]").click, ".csv").decode("utf-8-sig")
    assert table.splitlines()[0].startswith("Lot,Verdict,")
    assert len(table.splitlines()) == 7


def test_tables_sort_and_filter(open_page, report):
    page = open_page(report)
    head = page.locator("#table-composition th").nth(2)
    head.locator(".sort").click()
    assert head.get_attribute("aria-sort") == "ascending"
    counts = [int(text) for text in page.locator("#table-composition tbody td:nth-child(3)").all_inner_texts()]
    assert counts == sorted(counts)
    page.fill("#table-composition [data-filter]", "impure")
    visible = page.locator("#table-composition tbody tr:visible").all_inner_texts()
    assert len(visible) == 5
    assert all("impure" in row for row in visible)


def test_definition_opens_beside_its_question_mark_and_closes(open_page, report):
    page = open_page(report)
    button = page.locator(".hero .help").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    box = page.locator("#def-hero_not_pass")
    assert box.is_visible()
    assert "the worst first" in box.inner_text()
    page.keyboard.press("Escape")
    assert not box.is_visible()


def test_theme_can_be_switched_and_is_followed(open_page, report):
    page = open_page(report, theme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_a_lot_s_name_opens_its_passport(open_page, report):
    page = open_page(report)
    page.locator("#table-lots tbody a", has_text="AT-D6-P3 impure").click()
    assert page.locator(".passport:visible h3").inner_text() == "AT-D6-P3 impure"
    page.click("#passport-back")
    assert page.locator(".passport:visible h3").inner_text() == "AT-D5-P3 IFNγ+TNFα"


def many_attributes(given):
    """As many attributes, and as much text, as the passport's rules can write at worst."""
    path = Path(given.passports)
    document = json.loads(path.read_text(encoding="utf-8"))
    sentence = "12.4% (10.8% to 14.1%) of cells belong to another lineage (T cell 4.1%, myeloid 3.1%). "
    for lot in document["lots"]:
        first = lot["attributes"][0]
        longest = {"reason": sentence + sentence, "next_action": sentence, "verdict": "NOT ASSESSABLE"}
        criteria = [first | {"name": f"criterion_{i}", "title": f"CD{i} present"} for i in range(8)]
        quality = [first | longest | {"name": f"q{i}", "title": f"Attribute {i} of quality"} for i in range(9)]
        scores = [
            first | {"name": f"s{i}", "title": f"Programme {i} of this lot", "weight": "describes"} for i in range(8)
        ]
        scores = [score | {"verdict": "DESCRIBED", "group": "programmes"} for score in scores]
        lot["attributes"] = criteria + quality + scores
    path.write_text(json.dumps(document), encoding="utf-8")


def pages_of(pdf):
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


def test_each_passport_prints_on_one_a4_page(open_page, tmp_path):
    page = open_page(write_report(tmp_path, cells=600, change=many_attributes))
    page.evaluate("document.body.classList.add('only-passports')")
    assert pages_of(page.pdf(format="A4", prefer_css_page_size=True)) == 6
    page.emulate_media(media="print")
    assert page.locator(".passport.shown .sign").is_visible()
    page.evaluate("document.body.classList.add('one-passport')")
    assert pages_of(page.pdf(format="A4", prefer_css_page_size=True)) == 1


def test_100000_cells_are_ready_in_two_seconds_of_work(browser, tmp_path):
    """The time that the page's thread works, which a busy machine does not change; and its size."""
    path = write_report(tmp_path, cells=100_000, lots=20, clusters=12)
    assert path.stat().st_size < 15_000_000
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    work = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
    page.close()
    assert work < 2


@pytest.mark.parametrize("study", [{"lots": 1, "clusters": 1}, {"lots": 30, "clusters": 40}, {"msc": False}], ids=str)
def test_extreme_studies_work_on_a_phone(open_page, tmp_path, study):
    page = open_page(write_report(tmp_path, cells=900, **study), width=390, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    colour(page, "THY1")


def test_hostile_names_do_no_harm(open_page, tmp_path):
    names = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'+alert(1)+'", "名" * 200]
    page = open_page(write_report(tmp_path, cells=400, lots=4, names=names))
    page.locator("#lot-box summary").click()
    assert page.locator("#lot-list label").all_inner_texts() == names
    assert page.locator("img").count() == 0
    for i in range(4):
        page.click("#passport-next")
        assert page.locator(".passport:visible h3").inner_text() == names[(i + 1) % 4]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate("getComputedStyle(document.querySelector('.alerts strong')).unicodeBidi") == "isolate"


@pytest.fixture(scope="module")
def index(report):
    path = report.with_name("index.html")
    given = SimpleNamespace(passports=[str(report.with_name("passports.json"))], reports=[str(report)])
    render_index.main(given, SimpleNamespace(html=str(path)), SimpleNamespace(title="Test"))
    return path


def test_the_index_leads_to_the_passport_of_a_lot(browser, index):
    page = browser.new_page()
    page.goto(index.as_uri())
    page.locator("a", has_text="AT-D6-P3 impure").click()
    page.wait_for_selector("html[data-ready]")
    assert page.locator(".passport:visible h3").inner_text() == "AT-D6-P3 impure"
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["report", "index"])
def test_axe_finds_nothing_serious(browser, request, which, theme):
    axe = next((path for path in AXE if path.is_file()), None)
    if axe is None:
        pytest.skip("axe-core is not there: npm install --prefix tests axe-core, or set MSCAPE_AXE to axe.min.js")
    page = browser.new_context(color_scheme=theme, reduced_motion="reduce", offline=True).new_page()
    page.goto(request.getfixturevalue(which).as_uri())
    page.wait_for_selector("html.js" if which == "index" else "html[data-ready]")
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [
        f"{fault['id']} ({len(fault['nodes'])}): {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.context.close()


def test_nothing_is_cut_or_overlaid_on_paper(open_page, report):
    page = open_page(report)
    page.emulate_media(media="print")
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('main .scroll, main .populations')].filter((box) => box.offsetParent)
        .map((box) => [getComputedStyle(box).maxHeight, getComputedStyle(box).overflowY])"""
    )
    assert len(boxes) > 20
    assert {tuple(box) for box in boxes} == {("none", "visible")}


def test_each_link_of_the_navigation_lands_on_its_heading(open_page, report):
    page = open_page(report)
    for link in page.locator("nav.side a").all()[::-1]:
        link.click()
        page.wait_for_timeout(150)
        place = page.locator(link.get_attribute("href")).bounding_box()["y"]
        bottom = page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") < 2
        assert -1 <= place <= 80 or (bottom and place > 0), (link.inner_text(), place)
    page.goto(report.as_uri() + "#quality")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(300)
    assert -1 <= page.locator("#quality").bounding_box()["y"] <= 80


def test_a_table_is_one_stop_of_the_tab_key_and_arrows_move_in_it(open_page, report):
    page = open_page(report)
    table = page.locator("#table-lots table")
    assert table.locator("button:not([tabindex='-1']), a:not([tabindex='-1'])").count() == 1
    table.locator("thead button").first.focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.tagName") == "A"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.className") == "sort"


def test_a_passport_needs_no_sideways_scroll_on_a_phone(open_page, report):
    page = open_page(report, width=390)
    box = page.locator(".passport:visible .scroll.free")
    assert box.evaluate("node => node.scrollWidth - node.clientWidth") <= 1
    assert page.locator(".passport:visible td[data-label='limit']").first.is_visible()


def test_a_report_says_when_and_by_whom_the_run_was_made(open_page, report):
    page = open_page(report)
    assert re.search(r"run of \d{4}-\d\d-\d\d \d\d:\d\d UTC", page.locator("#summary .meta").inner_text())
    assert re.search(r"\(\d{4}-\d\d-\d\d\)", page.locator(".passport:visible .facts").inner_text())


@pytest.mark.parametrize(
    ("typed", "gene"), [("CD73", "NT5E"), ("cd 45", "PTPRC"), ("NT5E", "NT5E"), ("hla-dr", "HLA-DRA")]
)
def test_a_gene_is_found_by_its_protein_and_before_its_probability(open_page, report, typed, gene):
    page = open_page(report)
    page.locator("#colour").fill(typed)
    assert page.locator("#colour-list li").first.inner_text().splitlines()[0] == gene
    page.keyboard.press("Enter")
    wait_text(page, "#linked-title", gene)
    assert page.locator("#colour").input_value() == gene


@pytest.fixture(scope="module")
def hundred(tmp_path_factory):
    """A report of 100 lots with generated passports."""
    return write_report(tmp_path_factory.mktemp("hundred"), cells=1500, lots=100, change=many_attributes)


def shown_rows(page):
    return page.locator("#matrix tbody tr:not(.band)")


def test_a_hundred_lots_are_seen_on_one_screen(open_page, hundred):
    page = open_page(hundred)
    page.locator("#matrix").evaluate("(box) => box.scrollIntoView({block: 'start'})")
    assert page.locator("#matrix-rows").input_value() == "fit"
    assert shown_rows(page).count() == 100
    box = page.locator("#matrix table").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 900
    page.select_option("#matrix-rows", "text")
    assert 18 <= shown_rows(page).first.bounding_box()["height"] <= 24
    assert "%" in shown_rows(page).first.inner_text()


def test_lots_are_sorted_within_groups_and_exported_as_numbers(open_page, hundred):
    page = open_page(hundred)
    passports = json.loads(hundred.with_name("passports.json").read_text(encoding="utf-8"))["lots"]
    page.select_option("#matrix-group", "tissue")
    bands = page.locator("#matrix tr.band").all_inner_texts()
    assert bands == ["tissue adipose tissue: 50 lots", "tissue bone marrow: 50 lots"]
    page.locator("#matrix .order[data-by=verdict]").click()
    assert page.locator("#matrix th[aria-sort]").inner_text().startswith("Verdict")
    page.locator("#matrix .choose summary").click()
    page.locator("#matrix .choose input").nth(len(page.locator("#matrix-group option").all()) - 1).uncheck()
    table = downloaded(page, page.locator("#matrix-csv").click, ".csv").decode("utf-8-sig")
    heads, *rows = [line.split(",") for line in table.splitlines()]
    assert heads[:6] == ["lot_id", "verdict", "tissue", "passage", "condition", "donor_id"]
    assert "criterion_0_verdict" not in heads  # its column is hidden
    assert heads[6:11] == [f"criterion_1_{what}" for what in ("verdict", "value", "low", "high", "n")]
    rows = [dict(zip(heads, row, strict=True)) for row in rows]
    by_name = {lot["lot_id"]: lot for lot in passports}
    order = ["FAIL", "WARN", "NOT ASSESSABLE", "PASS"]
    place = [(row["tissue"], order.index(by_name[row["lot_id"]]["verdict"])) for row in rows]
    assert len(place) == 100
    assert place == sorted(place)
    for row in rows:
        (one,) = (a for a in by_name[row["lot_id"]]["attributes"] if a["name"] == "criterion_1")
        assert row["criterion_1_verdict"] == one["verdict"]
        assert float(row["criterion_1_value"]) == one["value"]


def test_the_keyboard_reaches_a_square_and_its_reason(open_page, report):
    page = open_page(report)
    assert page.locator("#matrix table :is(a, button, td)[tabindex='0']").count() == 1
    page.locator("#matrix .order").first.focus()
    for key in ("ArrowDown", "ArrowDown", "End"):
        page.keyboard.press(key)
    square = page.evaluate("document.activeElement.title")
    assert square.startswith("BM-D2-P3, ")
    assert page.locator("#matrix-said").inner_text() == square.strip()
    page.keyboard.press("Enter")
    assert page.locator(".passport:visible h3").inner_text() == "BM-D2-P3"


def test_two_lots_stand_side_by_side(open_page, report):
    def change(given):
        path = Path(given.passports)
        document = json.loads(path.read_text(encoding="utf-8"))
        for lot, (low, high) in zip(
            document["lots"], ((0.1, 0.2), (0.2, 0.3), (0.25, 0.4), (None, None)), strict=False
        ):
            lot["attributes"][0] |= {"value": 0.2, "low": low, "high": high}
        path.write_text(json.dumps(document), encoding="utf-8")

    page = open_page(write_report(report.parent / "pair", cells=500, change=change))
    page.locator("#pair summary").click()
    first = page.locator("#pair-table tbody tr").nth(5)

    def beside(second):
        page.select_option("#pair-b", str(second))
        return first.locator("td").last.inner_text()

    assert [beside(second) for second in (1, 2, 3)] == ["overlap", "apart", ""]
    assert page.locator("#pair-table thead").inner_text().split("\t")[1] == "BM-D1-P3"
    assert "10% to 20%" in first.inner_text()


def test_the_matrix_scrolls_inside_on_a_phone(open_page, hundred):
    page = open_page(hundred, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    scroll = page.locator("#matrix .scroll")
    assert scroll.evaluate("(box) => box.scrollWidth > box.clientWidth")
    scroll.evaluate("(box) => { box.scrollLeft = 200; }")
    assert 0 <= shown_rows(page).first.locator("th").bounding_box()["x"] < 60  # the lot's name stays
