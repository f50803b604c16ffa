//! `framebus produce` of images and files, to its end.

use std::fs;

use crate::end_to_end::Bus;
use crate::footage::{image, picture, text};

/// Runs `framebus` to its end; its exit code and what it says.
fn done(bus: &Bus, arguments: &[&str]) -> (Option<i32>, String) {
    let output = bus.framebus(arguments).output().expect("framebus");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_single_image_is_shown_for_as_long_as_one_says() {
    let bus = Bus::new();
    let still = bus.path("still.png");
    image(&still, &picture((64, 48), 3));
    let still = text(&still);
    let (code, said) = done(&bus, &["produce", &still]);
    assert!(
        code == Some(0) && said.contains("ended: 1 frames published"),
        "{said}"
    );
    let shown = ["produce", &still, "--duration", "300ms", "--fps", "100"];
    let (code, said) = done(&bus, &shown);
    let published = said
        .split("ended: ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let published: u32 = published.expect("a number").parse().expect("a number");
    assert!(code == Some(0) && published > 1, "{said}");
    let shown = ["produce", &still, "--count", "40", "--fps", "0"];
    let (code, said) = done(&bus, &shown);
    assert!(
        code == Some(0) && said.contains("ended: 40 frames published"),
        "{said}"
    );
}

#[test]
fn images_of_a_directory_are_published_and_what_is_wrong_with_one_is_a_sentence() {
    let bus = Bus::new();
    let directory = bus.path("images");
    fs::create_dir(&directory).expect("a directory");
    for number in [8, 9, 10] {
        let width = if number == 10 { 32 } else { 64 };
        let name = directory.join(format!("a{number}.png"));
        image(&name, &picture((width, 48), number));
    }
    fs::write(directory.join("a9b.png"), "no image").expect("a file");
    let (code, said) = done(&bus, &["produce", &text(&directory), "--fps", "0"]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let has = |words: &[&str]| {
        let all = |line: &&&str| words.iter().all(|word| line.contains(word));
        lines.iter().filter(all).count() == 1
    };
    assert!(has(&["a9b.png is left out: it is not an image"]), "{said}");
    assert!(has(&["frames are 32x48 now, not 64x48"]), "{said}");
    assert!(has(&["ended: 3 frames published, 1 dropped"]), "{said}");
}

#[test]
fn what_gray_is_made_of_is_refused_where_there_is_no_choice() {
    let bus = Bus::new();
    let still = bus.path("still.png");
    image(&still, &picture((64, 48), 3));
    for source in ["pattern", "-", "0", "a.y4m", "a_%d.png"] {
        let (code, said) = done(&bus, &["produce", source, "--gray", "luma"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("--gray is for video files and streams"),
            "{said}"
        );
    }
    let (code, said) = done(&bus, &["produce", &text(&still), "--gray", "luma"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("is an image, which is decoded to colours"),
        "{said}"
    );
}
