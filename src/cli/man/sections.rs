//! The sections of a page that clap does not write: examples that can be pasted, and what all verbs share.

/// What the exit codes mean.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Yes: it is done, it was found, the check passed."),
    ("1", "No: a check failed, or a wait timed out."),
    (
        "2",
        "A mistake in the command line or the configuration, or another error.",
    ),
    ("3", "There is no such bus, or its producer was lost."),
    ("4", "No permission."),
    ("5", "The bus has another layout version."),
    ("130, 143", "Ended by SIGINT or SIGTERM."),
];

/// Variables, the most used first.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("FRAMEBUS_BUS", "The bus where no --bus is given."),
    (
        "FRAMEBUS_SECTION_KEY",
        "A setting, such as FRAMEBUS_PRODUCE_FPS for fps in [produce]; 'framebus config explain' lists all of them.",
    ),
    (
        "FRAMEBUS_RUNTIME_DIR",
        "Where the named pipes are, instead of $XDG_RUNTIME_DIR: a directory that several users can enter.",
    ),
    (
        "FRAMEBUS_WORKER",
        "The program framebus-worker, where it is neither beside framebus nor in PATH.",
    ),
    (
        "FRAMEBUS_BRIDGE",
        "The program framebus-bridge, in the same way.",
    ),
    (
        "NO_COLOR, COLORFGBG, COLORTERM, TERM",
        "The colours of 'framebus top' and 'framebus peek'. TERM=dumb makes top print text.",
    ),
];

/// Where things are.
const FILES: &[(&str, &str)] = &[
    ("/etc/framebus.toml", "The settings of this machine."),
    (
        "~/.config/framebus/config.toml",
        "Your settings, which win over those of the machine.",
    ),
    ("/dev/shm/framebus.BUS", "The shared memory of a bus."),
    (
        "$XDG_RUNTIME_DIR/framebus/BUS/pipeN",
        "The named pipe of consumer N.",
    ),
];

/// Returns the sections of what stands below the options in `--help`: its examples, and the rest.
pub(super) fn after_help(text: &str) -> String {
    let (mut examples, mut notes) = (Vec::new(), Vec::new());
    let mut is_example = false;
    for line in text.lines() {
        match line {
            "Examples:" | "Start here:" => is_example = true,
            _ if is_example && line.starts_with("  ") => examples.push(&line[2..]),
            _ => {
                is_example = false;
                notes.push(line);
            }
        }
    }
    // Every page has them as EXIT STATUS.
    let notes: Vec<&str> = notes
        .into_iter()
        .filter(|line| !line.starts_with("Exit codes: 0"))
        .collect();
    let mut page = String::new();
    let notes = notes.join("\n");
    if !notes.trim().is_empty() {
        page.push_str(".SH NOTES\n");
        for paragraph in notes.split("\n\n").filter(|text| !text.trim().is_empty()) {
            let filled = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            page.push_str(&format!(".PP\n{}\n", literal(&filled)));
        }
    }
    if !examples.is_empty() {
        page.push_str(".SH EXAMPLES\n.nf\n");
        for example in examples {
            page.push_str(&format!("{}\n", literal(example)));
        }
        page.push_str(".fi\n");
    }
    page
}

/// Returns what every page ends with.
pub(super) fn common(is_verb: bool) -> String {
    let mut page = String::new();
    for (title, rows) in [
        ("EXIT STATUS", EXIT_STATUS),
        ("ENVIRONMENT", ENVIRONMENT),
        ("FILES", FILES),
    ] {
        page.push_str(&format!(".SH \"{title}\"\n"));
        for (name, text) in rows {
            page.push_str(&format!(
                ".TP\n\\fB{}\\fR\n{}\n",
                literal(name),
                literal(text)
            ));
        }
    }
    if is_verb {
        page.push_str(".SH \"SEE ALSO\"\n\\fBframebus\\fR(1)\n");
    }
    page
}

/// Text that shows, and pastes, as it is: roff makes typographic signs of these characters otherwise.
fn literal(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\e"),
            '-' => line.push_str("\\-"),
            '\'' => line.push_str("\\(aq"),
            '`' => line.push_str("\\(ga"),
            '~' => line.push_str("\\(ti"),
            '^' => line.push_str("\\(ha"),
            c => line.push(c),
        }
    }
    match line.starts_with('.') {
        true => format!("\\&{line}"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stand_line_by_line_and_notes_are_filled() {
        let page = after_help(
            "One\nnote.\n\nExamples:\n  framebus top | jq '.a'\n  cp ~/a-b .\n\nExit codes: 0 yes.",
        );
        insta::assert_snapshot!(page, @r"
        .SH NOTES
        .PP
        One note.
        .SH EXAMPLES
        .nf
        framebus top | jq \(aq.a\(aq
        cp \(ti/a\-b .
        .fi
        ");
    }
}
