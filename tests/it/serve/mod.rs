//! `framebus serve`: the program, requests by hand, programs that know cameras with addresses, and a real browser.

mod attacks;
mod browser;
mod clients;
mod http;
mod load;
mod proxy;
mod streams;
mod webdriver;

use std::process::Command;

use crate::harness::{Bus, Process, until};

use http::{Answer, Parts};

/// A running `framebus serve`.
struct Serve {
    process: Process,
    address: String,
}

impl Serve {
    /// Serves this bus on a port that is free.
    fn start(bus: &Bus, more: &[&str]) -> Serve {
        let args = ["serve", "-b", bus.name(), "--listen", "127.0.0.1:0"];
        Serve::from(bus.framebus(&[&args, more].concat()))
    }

    fn from(command: Command) -> Serve {
        let process = Process::spawn(command);
        let mut address = String::new();
        until("it says where it listens", || {
            let said = process.stderr();
            assert!(!process.has_ended(), "{said}");
            let url = said.split_once("page at http://");
            let found = url.and_then(|(_, url)| url.split_once('/'));
            address = found.map_or(String::new(), |(address, _)| address.to_owned());
            !address.is_empty()
        });
        Serve { process, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> Answer {
        http::get(&self.address, path, &[])
    }

    fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn stream(&self, path: &str) -> Parts {
        Parts::open(&self.address, path)
    }

    /// A number from /proc, in kB.
    fn memory_kb(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.pid());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect("a number").parse().expect("a number")
    }
}
