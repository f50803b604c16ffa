//! Figures: medians, percentiles, the processor time of a thread, and the table that is printed.

use rustix::time::{ClockId, clock_gettime};

/// Returns the median; NaN for no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// Returns the value that `percent` of the values do not exceed; NaN for no values.
pub(crate) fn percentile(mut values: Vec<f64>, percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let place = (last as f64 * percent / 100.0).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The processor time that this thread has used, in nanoseconds: being pre-empted does not count.
pub(crate) fn thread_cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Measures the processor time of `work` in nanoseconds.
pub(crate) fn cpu_of<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = thread_cpu_ns();
    let result = work();
    (thread_cpu_ns() - before, result)
}

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
