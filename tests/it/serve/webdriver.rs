//! Debian's Chromium through its driver: <https://www.w3.org/TR/webdriver2/>.

use std::process::Command;

use serde_json::{Value, json};

use super::http::{request, try_request};
use crate::harness::{Bus, Process, until};

/// A browser that ends with the test.
pub(super) struct Browser {
    _driver: Process,
    address: String,
    session: String,
}

impl Browser {
    pub(super) fn start(bus: &Bus) -> Browser {
        let mut command = Command::new("chromedriver");
        // What it makes goes where the test's own things go.
        command.args(["--port=0"]).env("TMPDIR", bus.runtime());
        command.env("HOME", bus.runtime());
        let driver = Process::spawn(command);
        let mut address = String::new();
        until(
            "chromedriver listens (bin/setup --test installs it)",
            || {
                let said = String::from_utf8_lossy(&driver.stdout()).into_owned();
                let port = said.split_once("started successfully on port ");
                let port = port.and_then(|(_, rest)| rest.split_once('.'));
                address = port.map_or(String::new(), |(port, _)| format!("127.0.0.1:{port}"));
                !address.is_empty()
            },
        );
        let profile = format!(
            "--user-data-dir={}",
            bus.runtime().join("chromium").display()
        );
        // Root has no sandbox.
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let mut browser = Browser {
            _driver: driver,
            address,
            session: String::new(),
        };
        let made = browser.post("/session", &capabilities);
        let session = made["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{session}");
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let length = format!("Content-Length: {}", body.len());
        let lines = ["Content-Type: application/json", &length];
        let what = format!("POST {}{path}", self.session);
        let answer = request(&self.address, &what, &lines, &body);
        let mut value: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer.status, 200, "{path}: {value}");
        value["value"].take()
    }

    pub(super) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What a script returns.
    pub(super) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body);
    }

    pub(super) fn size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    pub(super) fn scheme(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        let features = json!({ "features": [feature] });
        self.devtools("Emulation.setEmulatedMedia", features);
    }

    /// Presses keys, one after the other.
    pub(super) fn keys(&self, keys: &[&str]) {
        let press = |key: &&str| {
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        };
        let actions: Vec<Value> = keys.iter().flat_map(press).collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    /// Entries of a log: `browser` is the console, `performance` what the network did.
    pub(super) fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({ "type": kind }));
        entries.as_array().expect("a list").clone()
    }

    /// Every address that was asked for.
    pub(super) fn requests(&self) -> Vec<String> {
        let entries = self.log("performance").into_iter();
        let messages = entries.filter_map(|entry| {
            let text = entry["message"].as_str()?;
            serde_json::from_str::<Value>(text).ok()
        });
        let sent =
            messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        let url = |message: Value| {
            let url = &message["message"]["params"]["request"]["url"];
            url.as_str().expect("an address").to_owned()
        };
        sent.map(url).collect()
    }
}

impl Drop for Browser {
    /// The driver ends the browser; killed, it would leave it.
    fn drop(&mut self) {
        let what = format!("DELETE {}", self.session);
        // Where it cannot, the test has failed already.
        let _ = try_request(&self.address, &what, &["Content-Length: 0"], "");
    }
}
