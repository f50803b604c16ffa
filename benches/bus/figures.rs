//! The table that is printed.

/// Prints the figures and counts the aims.
#[derive(Debug, Default)]
pub(crate) struct Report {
    met: u32,
    missed: u32,
}

impl Report {
    /// Starts a part.
    pub(crate) fn part(&self, title: &str) {
        println!("\n{title}");
    }

    /// Prints a ratio and what it is relative to.
    pub(crate) fn ratio(&mut self, what: &str, ratio: f64, of: &str, aim: Option<f64>) {
        self.row(what, &format!("{ratio:.2} x {of}"), ratio, aim, "");
    }

    /// Prints a value that is not relative to anything.
    pub(crate) fn value(&mut self, what: &str, value: f64, unit: &str, aim: Option<f64>) {
        self.row(what, &format!("{value:.1} {unit}"), value, aim, unit);
    }

    fn row(&mut self, what: &str, shown: &str, value: f64, aim: Option<f64>, unit: &str) {
        let Some(aim) = aim else {
            println!("  {what:<46} {shown}");
            return;
        };
        let verdict = if value <= aim {
            self.met += 1;
            "ok"
        } else {
            self.missed += 1;
            "MISSED"
        };
        let aim = if unit.is_empty() {
            format!("{aim:.2}")
        } else {
            format!("{aim} {unit}")
        };
        println!("  {what:<46} {shown:<42} aim {aim:<7} {verdict}");
    }

    /// Prints how many aims are met.
    pub(crate) fn end(&self) {
        println!(
            "\n{} of {} aims met in this run",
            self.met,
            self.met + self.missed
        );
    }
}
