//! Converts some pixels to gray in one way: what `bin/measure-neon` counts the instructions of. Usage: `convert WAY PIXELS`, WAY one
//! of `bgr`, `yuyv`, `uyvy`, `yuyv-limited`, `luma-limited`, `words`, `nothing`.

use framebus::convert::{bgr_to_gray, luma_to_gray, pairs_to_gray, words_to_gray, yuyv_to_gray};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, pixels] = &arguments[..] else {
        std::process::exit(2);
    };
    let Ok(pixels) = pixels.parse::<usize>() else {
        std::process::exit(2);
    };
    // All ways read from as much, so that what differs is the conversion.
    let input = vec![100; 3 * pixels];
    let mut gray = vec![0; pixels];
    match way.as_str() {
        "bgr" => bgr_to_gray(&input, &mut gray),
        "yuyv" => yuyv_to_gray(&input[..2 * pixels], &mut gray),
        "uyvy" => pairs_to_gray(&input[..2 * pixels], true, false, &mut gray),
        "yuyv-limited" => pairs_to_gray(&input[..2 * pixels], false, true, &mut gray),
        "luma-limited" => luma_to_gray(&input[..pixels], true, &mut gray),
        "words" => words_to_gray(&input[..2 * pixels], 10, &mut gray),
        "nothing" => {}
        _ => std::process::exit(2),
    }
    std::hint::black_box(gray);
}
