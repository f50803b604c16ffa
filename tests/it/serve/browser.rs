//! The page in a real browser.

use rustix::process::Signal;
use serde_json::Value;

use super::Serve;
use super::webdriver::Browser;
use crate::harness::{Bus, until};

/// Reads the number in the picture as a person would: where in the test pattern its digits are, and how they look.
const READ_NUMBER: &str = "
    const digits = [
        [14,17,19,21,25,17,14], [4,12,4,4,4,4,14], [14,17,1,2,4,8,31], [31,2,4,2,1,17,14], [2,6,10,18,31,2,2],
        [31,16,30,1,1,17,14], [6,8,16,30,17,17,14], [31,1,2,4,8,8,8], [14,17,17,14,17,17,14], [14,17,17,15,1,2,12]];
    const image = document.getElementById('picture');
    const width = image.naturalWidth, height = image.naturalHeight;
    if (!width) return null;
    const canvas = Object.assign(document.createElement('canvas'), {width, height});
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    const scale = Math.max(1, Math.min(Math.floor(Math.floor(width * 3 / 4) / 37), Math.floor(Math.floor(height / 3) / 9)));
    const left = Math.floor((width - 37 * scale) / 2), top = Math.floor((height - 9 * scale) / 2);
    let number = 0;
    for (let place = 0; place < 6; place++) {
        const rows = [];
        for (let row = 0; row < 7; row++) {
            let bits = 0;
            for (let column = 0; column < 5; column++) {
                const x = left + Math.floor((1 + place * 6 + column + 0.5) * scale);
                const y = top + Math.floor((1 + row + 0.5) * scale);
                bits = bits * 2 + (pixels[4 * (y * width + x)] > 127 ? 1 : 0);
            }
            rows.push(bits);
        }
        const digit = digits.findIndex((one) => one.join() === rows.join());
        if (digit < 0) return null;
        number = number * 10 + digit;
    }
    return number;";

/// The text of every cell of the consumers' table.
const CONSUMERS: &str = "
    return [...document.querySelectorAll('#consumers tbody tr')].map((row) => ({
        state: row.className, cells: [...row.cells].map((cell) => cell.textContent)}));";

struct Page {
    serve: Serve,
    browser: Browser,
    bus: Bus,
}

impl Page {
    fn open(bus: Bus) -> Page {
        let serve = Serve::start(&bus, &[]);
        let browser = Browser::start(&bus);
        browser.open(&serve.url("/"));
        Page {
            serve,
            browser,
            bus,
        }
    }

    fn text(&self, id: &str) -> String {
        let script = format!("return document.getElementById('{id}').textContent");
        self.browser
            .run(&script)
            .as_str()
            .expect("a text")
            .to_owned()
    }

    fn number(&self) -> u64 {
        let mut number = None;
        until("a number can be read in the picture", || {
            number = self.browser.run(READ_NUMBER).as_u64();
            number.is_some()
        });
        number.expect("a number")
    }

    fn consumers(&self) -> Vec<Value> {
        self.browser
            .run(CONSUMERS)
            .as_array()
            .expect("rows")
            .clone()
    }

    /// Nothing went wrong, and nobody else was asked.
    fn assert_clean(&self) {
        // A picture may be broken off where its producer ends.
        let console = self.browser.log("browser");
        assert!(console.is_empty(), "{console:?}");
        let own = format!("http://{}/", self.serve.address);
        // `data:` and the browser's own pages are nobody else.
        let is_outside = |url: &&String| url.starts_with("http") && !url.starts_with(&own);
        let requests = self.browser.requests();
        let outside: Vec<&String> = requests.iter().filter(is_outside).collect();
        assert!(outside.is_empty(), "{outside:?}");
        assert!(requests.iter().any(|url| url.contains("/events")));
    }
}

#[test]
fn the_picture_moves_and_the_table_is_that_of_top() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "320x240"]);
    let full = bus.consume(&["-i", "0", "--name", "full"]);
    let _slow = bus.consume(&["-i", "2", "--name", "slow", "--work", "100ms"]);
    let page = Page::open(bus);
    until("both consumers are in the table", || {
        page.consumers().len() == 2
    });
    let before = page.number();
    until("the number grows", || page.number() > before);
    let published = page.bus.segment().header("published");
    assert!(page.number() <= published + 60, "it is the frame's number");
    let printed = page.bus.run(&["top", "--once", "--json"]).json().remove(0);
    let cells = |row: &Value, at: usize| row["cells"][at].as_str().expect("a text").to_owned();
    let rows = page.consumers();
    let shown: Vec<[String; 3]> = rows
        .iter()
        .map(|row| [cells(row, 1), cells(row, 2), cells(row, 13)])
        .collect();
    let consumers = printed["consumers"].as_array().expect("consumers");
    let expected: Vec<[String; 3]> = consumers
        .iter()
        .map(|one| {
            let name = one["name"].as_str().expect("a name").to_owned();
            [one["index"].to_string(), name, one["pid"].to_string()]
        })
        .collect();
    assert_eq!(shown, expected);
    assert_eq!(page.text("state"), "running");
    full.end(Signal::KILL);
    until("the killed consumer is shown as gone", || {
        let rows = page.consumers();
        rows.iter()
            .any(|row| row["state"] == "gone" && cells(row, 0) == "D")
    });
    until("there is a finding", || {
        page.text("findings").contains("dead-consumer")
    });
    page.assert_clean();
}

#[test]
fn it_fits_a_phone_in_light_and_dark_and_works_by_keyboard() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120"]);
    let consumer = bus.consume(&["-i", "1", "--name", "keyboard"]);
    bus.attached(1, &consumer);
    let page = Page::open(bus);
    let browser = &page.browser;
    browser.size(360, 740);
    until("the consumer is there", || page.consumers().len() == 1);
    let wider = "return document.documentElement.scrollWidth > innerWidth || innerWidth !== 360";
    assert_eq!(
        browser.run(wider),
        false,
        "nothing but tables scrolls sideways"
    );
    let background = "return getComputedStyle(document.body).backgroundColor";
    browser.scheme("light");
    let light = browser.run(background);
    browser.scheme("dark");
    assert_ne!(browser.run(background), light);
    // Tab to the consumer, Enter opens it, Escape closes it.
    let tab = "\u{e004}";
    let focused = "return document.activeElement.getAttribute('aria-label') || ''";
    until("Tab reaches the consumer", || {
        browser.keys(&[tab]);
        let label = browser.run(focused);
        label
            .as_str()
            .is_some_and(|label| label.starts_with("consumer 1 keyboard"))
    });
    browser.keys(&["\u{e007}"]);
    let is_open = "return document.getElementById('detail').open";
    assert_eq!(browser.run(is_open), true);
    assert_eq!(page.text("detail-name"), "Consumer 1 keyboard");
    assert!(page.text("detail-list").contains("published"));
    browser.keys(&["\u{e00c}"]);
    assert_eq!(browser.run(is_open), false);
    // What has no name cannot be told by a screen reader.
    let nameless = "
        return [...document.querySelectorAll('button, img, input, [role=region]')]
            .filter((one) => one.checkVisibility())
            .filter((one) => !one.alt && !one.textContent.trim() && !one.ariaLabel && !one.labels?.length
                && !one.getAttribute('aria-labelledby'))
            .map((one) => one.outerHTML)";
    assert_eq!(browser.run(nameless), serde_json::json!([]));
    browser.run("document.getElementById('pictures').click()");
    until("every slot that was used has a picture", || {
        let count = "
            return [...document.querySelectorAll('#slots img')].filter((one) => one.naturalWidth === 160).length";
        browser.run(count).as_u64().is_some_and(|count| count > 2)
    });
    page.assert_clean();
}

#[test]
fn the_page_comes_back_when_producer_and_server_did() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "320x240"]);
    let page = Page::open(bus);
    page.number();
    producer.end(Signal::KILL);
    until("it is seen to be gone", || page.text("state") == "gone");
    let _next = page.bus.produce(&["--size", "160x120"]);
    until("the picture of the next one is there", || {
        let width = "return document.getElementById('picture').naturalWidth";
        page.browser.run(width) == 160
    });
    until("it runs", || page.text("state") == "running");
    let before = page.number();
    until("the number grows", || page.number() > before);
}
