//! Shared memory, directories, left-over buses and the worker.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::super::config::Config;
use super::super::units::show_bytes;
use super::{Check, DoctorArgs};
use framebus::bus::{
    BusName, MAX_SOCKET_PATH, Observer, SweepError, Swept, pipe_path, pipes_dir, runtime_dir,
    sweep, traces,
};
use framebus::layout::{Format, Geometry, PlaneSpec, segment_bytes};
use framebus::observe::shm_usage;
use framebus::observe::{Baseline, Sampler, Thresholds};
use framebus_tools::job::WORKER;

/// What is counted with where neither a flag nor the configuration names a size.
const FULL_HD: Geometry = Geometry {
    width: 1920,
    height: 1080,
};

pub(super) fn checks(args: &DoctorArgs, config: &Config) -> Vec<Check> {
    let mut checks = vec![
        shared_memory(args, config),
        remove_ipc(),
        runtime_directory(config),
    ];
    checks.extend(buses());
    checks.push(headless_worker());
    checks.extend(group(config));
    checks
}

fn shared_memory(args: &DoctorArgs, config: &Config) -> Check {
    const NAME: &str = "shared-memory";
    let Some((used, total)) = shm_usage() else {
        return Check::fail(
            NAME,
            "/dev/shm is not mounted",
            "sudo mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
        );
    };
    let size = args.size.or(config.produce.size).unwrap_or(FULL_HD);
    let consumers = args.consumers.or(config.produce.consumers).unwrap_or(4);
    let history = config.produce.history.unwrap_or(0);
    let free = total.saturating_sub(used);
    // Gray in every slot, and BGR in every one or one for all.
    let bgr = PlaneSpec::new(Format::BGR8).one_for_all(!args.color);
    let planes = [PlaneSpec::new(Format::GRAY8), bgr];
    let needed = match segment_bytes(size, consumers, history, &planes) {
        Ok(needed) => needed,
        Err(why) => {
            return Check::fail(
                NAME,
                why.to_string(),
                "framebus config explain   # and lower produce.history",
            );
        }
    };
    let what = format!(
        "a bus of {size} for {consumers} consumers needs {}",
        show_bytes(needed)
    );
    let has = format!(
        "/dev/shm has {} of {} free",
        show_bytes(free),
        show_bytes(total)
    );
    let mend = format!(
        "sudo mount -o remount,size={}M /dev/shm   # in a container: --shm-size",
        (2 * needed.max(total)).div_ceil(1 << 20)
    );
    match free {
        free if free < needed => Check::fail(NAME, format!("{what}, and {has}"), mend),
        free if free < 2 * needed => {
            Check::warn(NAME, format!("{what}, and {has}: not enough for two"), mend)
        }
        _ => Check::pass(NAME, format!("{has}; {what}")),
    }
}

/// systemd-logind deletes the shared memory of a login user when that user's last session ends.
fn remove_ipc() -> Check {
    const NAME: &str = "remove-ipc";
    let uid = rustix::process::geteuid().as_raw();
    if !Path::new("/run/systemd/system").exists() {
        return Check::pass(NAME, "systemd-logind does not run here");
    }
    // What systemd itself takes for a system user (SYS_UID_MAX).
    if uid < 1000 {
        return Check::pass(
            NAME,
            format!("user {uid} is a system user, whose shared memory stays"),
        );
    }
    if !removes_ipc() {
        return Check::pass(NAME, "RemoveIPC=no: shared memory stays at logout");
    }
    if Path::new("/var/lib/systemd/linger")
        .join(user_name(uid))
        .exists()
    {
        return Check::pass(
            NAME,
            format!("user {uid} lingers: shared memory stays at logout"),
        );
    }
    Check::warn(
        NAME,
        format!(
            "RemoveIPC=yes: when the last session of user {uid} ends, its buses lose their names"
        ),
        "sudo loginctl enable-linger $USER   # or run producers as the system user framebus",
    )
}

/// The last `RemoveIPC=` wins, as in systemd; its default is yes.
fn removes_ipc() -> bool {
    let mut files = vec!["/etc/systemd/logind.conf".into()];
    for directory in [
        "/usr/lib/systemd/logind.conf.d",
        "/etc/systemd/logind.conf.d",
        "/run/systemd/logind.conf.d",
    ] {
        let entries = fs::read_dir(directory).into_iter().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        found.sort();
        files.extend(found);
    }
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    let texts: Vec<String> = texts.collect();
    let values = texts.iter().flat_map(|text| text.lines());
    let last = values
        .filter_map(|line| line.trim().strip_prefix("RemoveIPC="))
        .next_back();
    !last.is_some_and(|value| matches!(value.trim(), "no" | "false" | "0" | "off"))
}

fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields[0].to_owned())
    });
    found.unwrap_or_else(|| uid.to_string())
}

fn runtime_directory(config: &Config) -> Check {
    const NAME: &str = "runtime-directory";
    let directory = runtime_dir();
    let shown = directory.display().to_string();
    let bus = config.bus.as_deref().and_then(|bus| bus.parse().ok());
    let bus: BusName = bus.unwrap_or_default();
    let longest = pipe_path(&pipes_dir(&directory, &bus), u8::MAX)
        .as_os_str()
        .len();
    if longest > MAX_SOCKET_PATH {
        return Check::fail(
            NAME,
            format!("{shown} is too long for a socket: {longest} bytes, at most {MAX_SOCKET_PATH}"),
            "export FRAMEBUS_RUNTIME_DIR=/run/framebus",
        );
    }
    let uid = rustix::process::geteuid().as_raw();
    if let Some((path, error)) = not_writable(&directory) {
        return Check::fail(
            NAME,
            format!(
                "{shown} cannot be used by a producer of this user: {} cannot be written ({error})",
                path.display()
            ),
            "export FRAMEBUS_RUNTIME_DIR=$HOME/.framebus   # for producers and consumers alike",
        );
    }
    match fs::symlink_metadata(&directory) {
        Ok(metadata)
            if metadata.is_dir()
                && (metadata.uid() == uid || uid == 0 || is_shared(&directory, &metadata)) =>
        {
            Check::pass(
                NAME,
                format!("{shown}: {longest} of {MAX_SOCKET_PATH} bytes of a socket's path"),
            )
        }
        Ok(metadata) if metadata.is_dir() => Check::warn(
            NAME,
            format!("{shown} belongs to user {}", metadata.uid()),
            "export FRAMEBUS_RUNTIME_DIR=$HOME/.framebus   # for producers and consumers alike",
        ),
        Ok(_) => Check::fail(
            NAME,
            format!("{shown} is no directory"),
            format!("rm {shown}"),
        ),
        Err(_) => Check::pass(NAME, format!("{shown} is made by the first producer")),
    }
}

/// The directory in which a producer would have to make something and cannot: framebus's own, else the runtime directory,
/// else the one in which that would be made. What is no directory is said elsewhere.
fn not_writable(directory: &Path) -> Option<(PathBuf, io::Error)> {
    let own = directory.join("framebus");
    let path = own.ancestors().find(|path| path.is_dir())?;
    let error = access(path, Access::WRITE_OK | Access::EXEC_OK).err()?;
    // That of somebody else is another finding: this user's producers have another one.
    let foreign = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.uid() != rustix::process::geteuid().as_raw())
    };
    let only_foreign = error == Errno::ACCESS && path.starts_with(directory) && foreign(directory);
    (!only_foreign).then(|| (path.to_owned(), error.into()))
}

/// Whether it is the machine's, as /run/framebus is, and producers of this user may have their buses in it.
fn is_shared(directory: &Path, metadata: &fs::Metadata) -> bool {
    let buses = directory.join("framebus");
    metadata.uid() == 0 && access(&buses, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Left-over buses, buses without a name, and named pipes that cannot be found from here.
fn buses() -> Vec<Check> {
    let mut checks = Vec::new();
    let mut healthy = 0;
    for bus in traces() {
        match sweep(&bus, false) {
            Ok(Swept::Nothing) => {}
            Ok(Swept::Dead(_)) => checks.push(Check::warn(
                "stale-bus",
                format!("bus {bus} was left by a producer that died"),
                format!("framebus gc -b {bus}"),
            )),
            Ok(Swept::Alive) => match living(&bus) {
                Some(check) => checks.push(check),
                None => healthy += 1,
            },
            // Another user's: nothing is known of it, and nothing to be done about it here.
            Err(SweepError::Foreign { .. }) => {}
            Err(error @ SweepError::Held { holder, .. }) => checks.push(Check::warn(
                "stale-bus",
                error.to_string(),
                format!("kill {holder} && framebus gc -b {bus}"),
            )),
            Err(error) => checks.push(Check::warn(
                "stale-bus",
                error.to_string(),
                format!("rm /dev/shm/framebus.{bus}   # if it is nobody's"),
            )),
        }
    }
    if checks.is_empty() {
        checks.push(Check::pass(
            "buses",
            format!("{healthy} running, none left over"),
        ));
    }
    checks
}

/// What is wrong with a bus that has a producer.
fn living(bus: &BusName) -> Option<Check> {
    if Observer::open(bus).is_err() && !Path::new(&format!("/dev/shm/framebus.{bus}")).exists() {
        return Some(Check::fail(
            "unlinked-segment",
            format!(
                "bus {bus} has a producer, but its name is gone from /dev/shm: nobody can attach until its next frame makes it again"
            ),
            format!("systemctl restart framebus@{bus}   # or restart its producer by hand"),
        ));
    }
    let mut sampler = Sampler::new(bus.clone(), Baseline::FirstLook, Thresholds::default());
    let pipes = sampler.sample(false).segment?.pipes;
    let own = pipes_dir(&runtime_dir(), bus);
    if Path::new(&pipes).exists() || own.exists() {
        return None;
    }
    Some(Check::warn(
        "named-pipes",
        format!("the named pipes of bus {bus} are in {pipes}, which is not there for this process"),
        "docker run -v RUNTIME_DIR:RUNTIME_DIR ...   # as docs/containers.md has it",
    ))
}

fn headless_worker() -> Check {
    const NAME: &str = "worker";
    const INSTALL: &str = "sudo apt-get install framebus-worker   # or set FRAMEBUS_WORKER";
    let path = match WORKER.find_it() {
        Ok(path) => path,
        Err(error) => {
            let text = format!("cameras, files and streams cannot be captured: {error:#}");
            return Check::warn(NAME, text, INSTALL);
        }
    };
    let shown = path.display();
    let own = env!("CARGO_PKG_VERSION");
    let output = Command::new(&path).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match text {
        Ok(text) if text.ends_with(&format!(" {own}")) => {
            Check::pass(NAME, format!("{shown} is version {own}, as this framebus"))
        }
        Ok(text) if text.is_empty() => Check::fail(
            NAME,
            format!("{shown} does not start (a library is missing?)"),
            INSTALL,
        ),
        Ok(text) => Check::fail(
            NAME,
            format!("{shown} is {text}, this framebus is {own}"),
            INSTALL,
        ),
        Err(error) => Check::fail(NAME, format!("{shown} cannot be started: {error}"), INSTALL),
    }
}

/// Whether the group of the configuration is there, and whether this user may give buses to it.
fn group(config: &Config) -> Option<Check> {
    const NAME: &str = "group";
    let name = config.produce.group.as_deref()?;
    let gid = match super::super::units::parse_group(name) {
        Ok(gid) => gid,
        Err(why) => {
            return Some(Check::fail(
                NAME,
                format!("produce.group: {name:?} {why}"),
                format!("sudo groupadd --system {name}"),
            ));
        }
    };
    let own = rustix::process::getegid().as_raw();
    let groups = rustix::process::getgroups().unwrap_or_default();
    let member = gid == own || groups.iter().any(|group| group.as_raw() == gid);
    if member || rustix::process::geteuid().is_root() {
        return Some(Check::pass(
            NAME,
            format!("buses can be given to group {name}"),
        ));
    }
    Some(Check::fail(
        NAME,
        format!("this user is not in group {name} and cannot give buses to it"),
        format!("sudo usermod -aG {name} $USER   # then log in again"),
    ))
}
