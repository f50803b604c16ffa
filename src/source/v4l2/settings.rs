//! Controls of a camera: exposure, gain, focus. What they are, and setting them by name.

use std::io;

use framebus::source::SourceError;

use super::abi::{self, Zero};
use super::device::Device;
use super::kernel;

/// A control, as `framebus cameras DEVICE` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlInfo {
    /// Its name, such as `exposure_absolute`.
    pub name: String,
    /// What kind of value it has: `int`, `bool`, `menu`, `button`, `bitmask`, or `other`.
    pub kind: &'static str,
    /// The least and the largest value, the step between them, and the value at the start.
    pub range: (i64, i64, u64, i64),
    /// Its value now, where it can be read.
    pub value: Option<i64>,
    /// The values of a menu, with their names.
    pub menu: Vec<(i64, String)>,
    /// Whether it cannot be set, or not now: `read-only`, or `inactive` while another one (auto exposure) has its say.
    pub note: Option<&'static str>,
    id: u32,
}

/// Values for controls by name, in the order in which they are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub Vec<(String, i64)>);

impl Settings {
    /// Sets them.
    ///
    /// # Errors
    /// One sentence: no such control, a value out of its range, or one that cannot be set now.
    pub(super) fn apply(&self, device: &Device) -> Result<(), SourceError> {
        if self.0.is_empty() {
            return Ok(());
        }
        for (name, value) in &self.0 {
            // Read anew for each: one control may have changed what another one allows.
            let controls = controls(device);
            let wrong = |why: String| {
                SourceError::Unusable(format!(
                    "camera {} cannot be set to {name}={value}: {why}",
                    device.path.display()
                ))
            };
            let Some(control) = find(&controls, name) else {
                return Err(wrong(format!(
                    "it has no control {name}; `framebus cameras {}` lists them",
                    device.path.display()
                )));
            };
            check(control, *value).map_err(&wrong)?;
            set(device, control, *value).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(())
    }
}

/// Names of V4L2's controls before Linux 5.17, and after: programs and habits know both.
const RENAMED: [(&str, &str); 4] = [
    ("exposure_auto", "auto_exposure"),
    ("exposure_absolute", "exposure_time_absolute"),
    ("exposure_auto_priority", "exposure_dynamic_framerate"),
    ("focus_auto", "focus_automatic_continuous"),
];

fn find<'a>(controls: &'a [ControlInfo], name: &str) -> Option<&'a ControlInfo> {
    let other = RENAMED.iter().find_map(|(old, new)| match name {
        _ if name == *old => Some(*new),
        _ if name == *new => Some(*old),
        _ => None,
    });
    let named = |name: &str| controls.iter().find(|control| control.name == name);
    named(name).or_else(|| named(other?))
}

fn check(control: &ControlInfo, value: i64) -> Result<(), String> {
    let (least, most, _, _) = control.range;
    match control.note {
        Some("read-only") => return Err("it cannot be set".into()),
        Some("inactive") => {
            return Err(
                "it has no effect now: another control, such as an automatic one, has its say"
                    .into(),
            );
        }
        _ => {}
    }
    if control.kind == "other" {
        return Err("its value is not a number".into());
    }
    if control.kind == "menu" && !control.menu.iter().any(|(item, _)| *item == value) {
        let items: Vec<String> = control
            .menu
            .iter()
            .map(|(item, name)| format!("{item} ({name})"))
            .collect();
        return Err(format!("it is one of {}", items.join(", ")));
    }
    if control.kind != "bitmask" && control.kind != "button" && !(least..=most).contains(&value) {
        return Err(format!("its value is from {least} to {most}"));
    }
    Ok(())
}

fn set(device: &Device, control: &ControlInfo, value: i64) -> io::Result<()> {
    let mut asked = abi::Control {
        id: control.id,
        // 32-bit numbers stand in the first half; their sign does no harm in the second.
        value: [value as u32, (value >> 32) as u32],
        ..abi::Control::ZERO
    };
    kernel::set_control(device.fd(), &mut asked)
}

/// All controls of a device that have a name.
pub(super) fn controls(device: &Device) -> Vec<ControlInfo> {
    let mut found = Vec::new();
    let mut id = abi::CTRL_FLAG_NEXT;
    loop {
        let mut described = abi::ControlDescription {
            id,
            ..abi::ControlDescription::ZERO
        };
        if kernel::query_control(device.fd(), &mut described).is_err() {
            return found;
        }
        id = described.id | abi::CTRL_FLAG_NEXT;
        let hidden = described.flags & abi::CTRL_FLAG_DISABLED != 0;
        if !hidden && described.kind != abi::CTRL_TYPE_CLASS {
            found.push(control(device, &described));
        }
    }
}

fn control(device: &Device, described: &abi::ControlDescription) -> ControlInfo {
    let has = |flag| described.flags & flag != 0;
    let kind = match described.kind {
        _ if has(abi::CTRL_FLAG_HAS_PAYLOAD) => "other",
        abi::CTRL_TYPE_BOOLEAN => "bool",
        abi::CTRL_TYPE_MENU | abi::CTRL_TYPE_INTEGER_MENU => "menu",
        abi::CTRL_TYPE_BUTTON => "button",
        abi::CTRL_TYPE_BITMASK => "bitmask",
        1 | abi::CTRL_TYPE_INTEGER64 => "int",
        _ => "other",
    };
    let readable = kind != "other" && !has(abi::CTRL_FLAG_WRITE_ONLY);
    let value = readable.then(|| get(device, described)).flatten();
    let note = if has(abi::CTRL_FLAG_READ_ONLY) {
        Some("read-only")
    } else if has(abi::CTRL_FLAG_INACTIVE) {
        Some("inactive")
    } else {
        None
    };
    let menu = if kind == "menu" {
        menu(device, described)
    } else {
        Vec::new()
    };
    ControlInfo {
        name: plain(&abi::text(&described.name)),
        kind,
        range: (
            described.minimum,
            described.maximum,
            described.step,
            described.default,
        ),
        value,
        menu,
        note,
        id: described.id,
    }
}

fn get(device: &Device, described: &abi::ControlDescription) -> Option<i64> {
    let mut asked = abi::Control {
        id: described.id,
        ..abi::Control::ZERO
    };
    kernel::get_control(device.fd(), &mut asked).ok()?;
    let [low, high] = asked.value;
    Some(if described.kind == abi::CTRL_TYPE_INTEGER64 {
        (u64::from(high) << 32 | u64::from(low)) as i64
    } else if described.kind == abi::CTRL_TYPE_BITMASK {
        i64::from(low)
    } else {
        i64::from(low as i32)
    })
}

fn menu(device: &Device, described: &abi::ControlDescription) -> Vec<(i64, String)> {
    let items = described.minimum.max(0)..=described.maximum.min(1000);
    let item = |index: i64| {
        let mut item = abi::MenuItem {
            id: described.id,
            index: u32::try_from(index).ok()?,
            ..abi::MenuItem::ZERO
        };
        // An index that is missing is one that this device does not have.
        kernel::query_menu(device.fd(), &mut item).ok()?;
        let name = if described.kind == abi::CTRL_TYPE_INTEGER_MENU {
            let (number, _) = item.name.split_first_chunk::<8>()?;
            i64::from_le_bytes(*number).to_string()
        } else {
            abi::text(&item.name)
        };
        Some((index, name))
    };
    items.filter_map(item).collect()
}

/// A control's name as one word, as v4l2-ctl has it: `White Balance, Auto` is `white_balance_auto`.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars() {
        if letter.is_alphanumeric() {
            plain.extend(letter.to_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, kind: &'static str, range: (i64, i64, u64, i64)) -> ControlInfo {
        ControlInfo {
            name: name.into(),
            kind,
            range,
            value: None,
            menu: vec![
                (1, "Manual Mode".into()),
                (3, "Aperture Priority Mode".into()),
            ],
            note: None,
            id: 0,
        }
    }

    #[test]
    fn names_are_one_word() {
        assert_eq!(plain("White Balance, Auto"), "white_balance_auto");
        assert_eq!(plain("Exposure Time, Absolute "), "exposure_time_absolute");
    }

    #[test]
    fn a_control_is_found_by_its_old_and_its_new_name() {
        let controls = [control("auto_exposure", "menu", (0, 3, 1, 3))];
        assert!(find(&controls, "auto_exposure").is_some());
        assert!(find(&controls, "exposure_auto").is_some());
        assert!(find(&controls, "exposure").is_none());
    }

    #[test]
    fn a_value_that_a_control_does_not_have_is_refused_with_those_that_it_has() {
        let menu = control("auto_exposure", "menu", (0, 3, 1, 3));
        assert_eq!(check(&menu, 1), Ok(()));
        let why = check(&menu, 2).expect_err("not in the menu");
        assert_eq!(
            why,
            "it is one of 1 (Manual Mode), 3 (Aperture Priority Mode)"
        );
        let gain = control("gain", "int", (0, 255, 1, 16));
        assert_eq!(check(&gain, 300), Err("its value is from 0 to 255".into()));
        let inactive = ControlInfo {
            note: Some("inactive"),
            ..gain
        };
        assert!(check(&inactive, 3).is_err());
    }
}
