"""The search page in a real browser, headless."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("selenium")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from splade_sdk import Document, Retriever
from splade_sdk.serving import ServiceSettings, create_app
from tests.serving import running, wait_for
from tests.unit.fakes import LetterEncoder
from tests.unit.serving.conftest import Terms

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)

DESKTOP = (1280, 900)
PHONE = (390, 844)
ATTACK = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"
DOCUMENTS = [
    Document("a1", "a doctor treats heart pain, says another doctor", {"year": 2020}),
    Document("b2", "a physician writes", {"year": 2021}),
    Document(f"c3 {ATTACK}", f"{ATTACK} doctor", {ATTACK: ATTACK}),
    Document("d4", "word " * 300 + "tomatoes " + "word " * 300),
    Document("e5", "x" * 500 + " unbroken"),
    Document("f6", "🙂 emoji before pears 🙂"),
]


@pytest.fixture(scope="module")
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=Terms()) as made:
        made.upsert(DOCUMENTS)
        yield made


@pytest.fixture(scope="module")
def hybrid() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=Terms(), dense_encoder=LetterEncoder()) as made:
        made.upsert(DOCUMENTS)
        yield made


@pytest.fixture(scope="module")
def serve(retriever: Retriever, hybrid: Retriever) -> Iterator[Callable[..., str]]:
    """Give the address of a service; each is started once."""
    with ExitStack() as stack:
        addresses: dict[str, str] = {}

        def start(kind: str = "sparse") -> str:
            if kind not in addresses:
                made = {"sparse": retriever, "hybrid": hybrid, "key": retriever, "none": None}
                settings = ServiceSettings(api_key="open sesame" if kind == "key" else None)
                app = create_app(retriever.encoder, made[kind], settings)
                addresses[kind] = stack.enter_context(running(app))
            return addresses[kind]

        yield start


class Page:
    """The page in a browser, by what a person does with it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        width, height = size
        mobile = size == PHONE
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(url)
        wait_for(lambda: self.js("return document.readyState") == "complete")

    def search(self, query: str) -> None:
        box = self.one("#query")
        wait_for(box.is_displayed)
        wait_for(lambda: self.js("return document.querySelector('.column') !== null"))
        self.js("document.getElementById('status').textContent = ''")
        box.clear()
        box.send_keys(query, Keys.ENTER)
        wait_for(lambda: self.status().startswith("The query has"))

    def js(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        # In one step: the page may change between two.
        script = "return Array.from(document.querySelectorAll(arguments[0]), (e) => e.innerText)"
        texts: list[str] = self.js(script, selector)
        return texts

    def status(self) -> str:
        return self.one("#status").text

    def complaints(self) -> list[str]:
        return [each["message"] for each in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: Chrome) -> Page:
    return Page(driver)


def test_results_appear_beside_what_the_collection_lacks(page: Page, serve: Any) -> None:
    page.open(serve())
    wait_for(lambda: page.driver.switch_to.active_element == page.one("#query"))
    page.search("doctor pain")
    assert page.texts("#column-sparse .hit h3")[0] == "1. a1"
    assert page.texts("#column-sparse .hit:first-child mark") == ["doctor", "pain", "doctor"]
    assert "no dense vectors" in page.one("#column-dense").text
    assert "Needs sparse and dense vectors" in page.one("#column-hybrid").text
    assert page.status() == "The query has 3 terms, 1 of them added by the model."
    literal, added = page.texts("#query-terms .literal"), page.texts("#query-terms .added")
    assert sorted(literal) == ["doctor\n1.00", "pain\n1.00"]
    assert added == ["physician\n0.50"]
    # doctor 1 x 2, pain 1 x 1, physician 0.5 x 0.5
    assert page.texts(".hit:first-child .term") == [
        "doctor\n2.00",
        "pain\n1.00",
        "physician\n0.25",
    ]
    assert page.texts(".hit:first-child .facts") == ["year\n2020"]
    assert page.driver.title == "doctor pain - splade search"
    assert page.complaints() == []


def test_a_piece_of_a_word_is_told_as_one(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("sleeping")
    assert page.texts("#query-terms .added") == ["…ing\n0.50"]


def test_everything_comes_from_the_service_itself(page: Page, serve: Any) -> None:
    url = serve()
    page.open(url)
    page.search("doctor")
    asked = page.js("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert {f"{url}/static/page.js", f"{url}/static/page.css", f"{url}/info"} <= set(asked)
    assert all(each.startswith(f"{url}/") for each in asked)
    assert not any("doctor" in each for each in asked)  # queries are in no address


def test_markup_in_documents_does_nothing(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("doctor <b>physician</b>")
    page.search("doctor")
    attacked = next(each for each in page.all(".hit") if "c3" in each.text)
    assert ATTACK in attacked.find_element(By.TAG_NAME, "h3").text
    assert ATTACK in attacked.find_element(By.CLASS_NAME, "text").text
    assert attacked.find_element(By.CLASS_NAME, "facts").text.count(ATTACK) == 2
    assert page.all("main script, main img, main b") == []
    assert page.js("return window.owned") is None
    # Even code that got onto the page would not run: the policy forbids it.
    page.js(
        "document.body.append(Object.assign(document.createElement('script'), "
        "{textContent: 'window.owned = 1'}))"
    )
    assert page.js("return window.owned") is None
    assert any("Content Security Policy" in each for each in page.complaints())


@pytest.mark.parametrize("query", ["doctor", "unbroken", "tomatoes", "a " * 200])
def test_a_phone_needs_no_horizontal_scrolling(page: Page, serve: Any, query: str) -> None:
    page.open(serve(), PHONE)
    page.search(query)
    assert page.all(".hit")
    widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
    assert page.js(widths) == [390, 390]
    page.one("#options summary").click()
    assert page.js(widths) == [390, 390]
    assert page.complaints() == []


def test_a_phone_shows_one_column_at_a_time(page: Page, serve: Any) -> None:
    page.open(serve("hybrid"), PHONE)
    page.search("doctor")

    def shown() -> list[str]:
        return [each.text for each in page.all(".column h2") if each.is_displayed()]

    assert shown() == ["Hybrid"]
    page.one("#switch [value=hybrid]").send_keys(Keys.ARROW_LEFT)
    assert shown() == ["Dense"]
    page.one("#switch label").click()
    assert shown() == ["Sparse"]


def test_three_modes_side_by_side(page: Page, serve: Any, hybrid: Retriever) -> None:
    page.open(serve("hybrid"))
    page.search("doctor pain")
    for mode in ("sparse", "dense", "hybrid"):
        hits = hybrid.search("doctor pain", mode=mode)
        told = page.texts(f"#column-{mode} .hit h3")
        assert told == [f"{at}. {hit.id}" for at, hit in enumerate(hits, start=1)]
    best = hybrid.search("doctor pain", mode="hybrid")[0].legs
    told = page.texts("#column-hybrid .hit:first-child .facts div")
    assert [each.partition("\n")[2].partition(" ")[0] for each in told if "#" in each] == [
        f"#{best[leg].rank}" for leg in ("sparse", "dense")
    ]
    assert len({each.rect["y"] for each in page.all(".column")}) == 1
    assert not page.one("#switch").is_displayed()
    assert page.complaints() == []


def test_the_keyboard_is_enough(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("doctor")
    page.js("document.activeElement.blur()")
    page.one("body").send_keys("/")
    wait_for(lambda: page.driver.switch_to.active_element == page.one("#query"))
    page.driver.switch_to.active_element.send_keys("pears", Keys.ENTER)
    wait_for(lambda: page.texts(".hit h3") == ["1. f6"])
    page.driver.switch_to.active_element.send_keys("/")
    assert page.one("#query").get_property("value").endswith("/")  # typed where one types


def test_everything_that_can_be_used_has_a_name(page: Page, serve: Any) -> None:
    page.open(serve("hybrid"))
    page.search("tomatoes doctor")
    page.one("#options summary").click()
    used = [each for each in page.all("input, select, button, section") if each.is_displayed()]
    assert len(used) >= 8
    assert [each.get_attribute("outerHTML") for each in used if not each.accessible_name] == []


def test_dark_and_light(page: Page, serve: Any) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page.open(serve(), scheme=scheme)
        colour = page.js("return getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))))
    light, dark = grounds
    assert light > 600 > 150 > dark


def test_long_texts_show_the_part_that_matched(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("tomatoes")
    text = page.one(".hit .text")
    assert text.text.startswith("… word")
    assert text.text.endswith("word …")
    assert page.texts(".hit mark") == ["tomatoes"]
    assert len(text.text) < 330
    page.one(".hit .more").click()
    assert len(text.text) == len(DOCUMENTS[3].text.strip())
    assert page.texts(".hit mark") == ["tomatoes"]


def test_marks_stand_right_behind_characters_of_two_units(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("pears")
    assert page.texts(".hit mark") == ["pears"]
    assert page.one(".hit .text").text == "🙂 emoji before pears 🙂"


def test_a_filter(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("doctor")
    page.one("#options summary").click()
    page.one("#filter").send_keys('{"year": 2021')
    page.one("#query").send_keys(Keys.ENTER)
    wait_for(lambda: "not JSON" in page.status())
    page.one("#filter").send_keys("}", Keys.ENTER)
    wait_for(lambda: page.texts(".hit h3") == ["1. b2"])
    page.one("#filter").clear()
    page.one("#filter").send_keys('{"year": {"above": 3}}', Keys.ENTER)
    wait_for(lambda: "above" in page.status())


def test_the_address_keeps_the_query(page: Page, serve: Any) -> None:
    url = serve()
    page.open(f"{url}#q=pears")
    wait_for(lambda: page.texts(".hit h3") == ["1. f6"])
    page.search("tomatoes")
    wait_for(lambda: page.texts(".hit h3") == ["1. d4"])
    page.driver.back()
    wait_for(lambda: page.texts(".hit h3") == ["1. f6"])
    assert page.one("#query").get_property("value") == "pears"


def test_a_query_that_finds_nothing(page: Page, serve: Any) -> None:
    page.open(serve())
    page.search("zebra")
    assert page.one("#column-sparse .note").text == "Nothing found."


def test_the_page_asks_for_the_key(page: Page, serve: Any) -> None:
    page.open(serve("key"))
    wait_for(page.one("#key").is_displayed)
    page.one("#key-value").send_keys("wrong", Keys.ENTER)
    wait_for(lambda: "missing or wrong" in page.status())
    page.one("#key-value").clear()
    page.one("#key-value").send_keys("open sesame", Keys.ENTER)
    wait_for(lambda: not page.one("#key").is_displayed())
    page.search("pears")
    assert page.texts(".hit h3") == ["1. f6"]
    assert "sesame" not in page.js("return location.href + JSON.stringify(localStorage)")


def test_a_service_without_a_collection_says_so(page: Page, serve: Any) -> None:
    page.open(serve("none"))
    wait_for(lambda: "without a collection" in page.status())
    assert not page.one("#search").is_displayed()
    assert page.complaints() == []
