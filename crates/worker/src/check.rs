//! Finds out why a source cannot be opened, and says it in one sentence. OpenCV says only "not opened".

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use framebus::redact::without_secrets;
use framebus::source::SourceError;

use crate::options::OpenOptions;

/// How much of a file is looked at to tell a text from a video.
const SNIFFED: u64 = 4096;
/// How long a server may take to say why it sends no video.
const DIAGNOSIS: Duration = Duration::from_secs(1);

/// Checks what can be known of a video file before OpenCV reads it.
pub(crate) fn file(path: &Path) -> Result<(), SourceError> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if metadata.is_dir() {
        return unusable(format!(
            "{shown} is a directory, not a video; for the images in it give a pattern such as {shown}/img_%04d.png"
        ));
    }
    if !metadata.is_file() {
        return unusable(format!(
            "{shown} is not a file; video from a pipe is read with `framebus produce -`"
        ));
    }
    if metadata.len() == 0 {
        return unusable(format!("{shown} is empty; give a file with video in it"));
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SNIFFED).read_to_end(&mut start))
        .map_err(|error| cannot_read(path, &error))?;
    if is_text(&start) {
        return unusable(format!(
            "{shown} is a text file, not a video; give a file with video in it"
        ));
    }
    Ok(())
}

/// Says that FFmpeg found no video in a file.
pub(crate) fn no_video(path: &Path) -> SourceError {
    SourceError::Unusable(format!(
        "{} cannot be opened as a video: it has no video stream that FFmpeg can read, or its start is damaged; look at it \
         with `ffprobe`",
        path.display()
    ))
}

/// Checks that a camera is there and that this user may open it.
pub(crate) fn camera(path: &Path) -> Result<(), SourceError> {
    let shown = path.display();
    match File::options()
        .read(true)
        .write(true)
        .open(path)
        .and_then(|file| file.metadata())
    {
        Ok(metadata) if metadata.file_type().is_char_device() => Ok(()),
        Ok(_) => unusable(format!("{shown} is not a camera but a file; {}", cameras())),
        Err(error) => Err(camera_error(path, &error)),
    }
}

fn camera_error(path: &Path, error: &io::Error) -> SourceError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            SourceError::Unusable(format!("camera {shown} is not there; {}", cameras()))
        }
        ErrorKind::PermissionDenied => SourceError::Permission(format!(
            "camera {shown} may not be opened by this user; add the user to its group (`sudo usermod -aG video $USER`) and \
             log in again"
        )),
        ErrorKind::ResourceBusy => camera_busy(path),
        _ => SourceError::Unusable(format!(
            "camera {shown} cannot be opened: {error}; plug it in again"
        )),
    }
}

/// Says that a camera can be opened but not used.
pub(crate) fn camera_busy(path: &Path) -> SourceError {
    let shown = path.display();
    SourceError::Unusable(format!(
        "camera {shown} cannot be used: another program has it, or it is not a camera that captures images; `fuser -v \
         {shown}` names the program"
    ))
}

/// Says which cameras this machine has.
fn cameras() -> String {
    let mut names: Vec<String> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("video"))
        .collect();
    names.sort();
    if names.is_empty() {
        return "this machine has none (no /dev/video*)".to_owned();
    }
    format!("this machine has /dev/{}", names.join(", /dev/"))
}

/// Says that GStreamer could not start a pipeline.
pub(crate) fn no_pipeline(pipeline: &str) -> SourceError {
    let shown = without_secrets(pipeline);
    SourceError::Unusable(format!(
        "GStreamer cannot run the pipeline `{shown}`: an element is misspelt or its plugin is not installed, or it sends no \
         video; try it with `gst-launch-1.0 {shown}`"
    ))
}

/// Asks the server of a URL why there is no video. It is asked only after FFmpeg has failed.
pub(crate) fn url(url: &str, options: &OpenOptions) -> SourceError {
    no_video_from(url, options, false)
}

/// Asks the server of a URL why nothing has come in time.
pub(crate) fn silent_url(url: &str, options: &OpenOptions) -> SourceError {
    no_video_from(url, options, true)
}

fn no_video_from(url: &str, options: &OpenOptions, silent: bool) -> SourceError {
    let limit = options
        .open_timeout
        .unwrap_or(Duration::from_secs(10))
        .as_secs_f64();
    let shown = without_secrets(url);
    let text = match Server::of(url) {
        None => format!(
            "{shown} cannot be opened: it names no host and port; a / in a password is written %2F"
        ),
        Some(server) => match server.ask(url) {
            Answer::NoHost => format!(
                "{shown} cannot be opened: the host {} is not known; check its name",
                server.host
            ),
            Answer::Refused(why) => format!(
                "{shown} cannot be opened: {} port {} does not accept a connection ({why}); check that the server runs",
                server.host, server.port
            ),
            Answer::Status(status) => {
                format!("{shown} cannot be opened: the server answers {status}; check the path")
            }
            Answer::Silent => format!(
                "{shown} cannot be opened: the server accepts the connection and sends no video within {limit} s"
            ),
            Answer::Something if silent => format!(
                "{shown} cannot be opened: the server answers and sends no video within {limit} s; a camera that is slower \
                 than that needs a longer --open-timeout"
            ),
            Answer::Something => format!(
                "{shown} cannot be opened: the server answers, but not with video that FFmpeg can read; check the path and \
                 the password"
            ),
        },
    };
    SourceError::Unusable(text)
}

/// Host and port of a URL.
struct Server<'a> {
    host: &'a str,
    port: u16,
}

enum Answer {
    NoHost,
    Refused(io::Error),
    Silent,
    Status(String),
    Something,
}

impl Server<'_> {
    fn of(url: &str) -> Option<Server<'_>> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?']).next()?;
        // What looks like a port may be the beginning of a password, and is not shown.
        let user_in_path =
            authority.contains(':') && !authority.contains('@') && rest.contains('@');
        if user_in_path {
            return None;
        }
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            "rtsps" => 322,
            _ => 554,
        };
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some(Server { host, port })
    }

    fn ask(&self, url: &str) -> Answer {
        let Ok(mut addresses) = (self.host, self.port).to_socket_addrs() else {
            return Answer::NoHost;
        };
        let Some(address) = addresses.next() else {
            return Answer::NoHost;
        };
        let stream = match TcpStream::connect_timeout(&address, DIAGNOSIS) {
            Ok(stream) => stream,
            Err(error) => return Answer::Refused(error),
        };
        self.first_line(&stream, url)
            .map_or(Answer::Silent, |line| {
                let status = line.trim_end().split_once(' ').map(|(_, status)| status);
                match status {
                    Some(status) if !status.starts_with('2') => Answer::Status(status.to_owned()),
                    _ => Answer::Something,
                }
            })
    }

    /// Asks as HTTP or RTSP do; an encrypted server answers to neither.
    fn first_line(&self, mut stream: &TcpStream, url: &str) -> io::Result<String> {
        stream.set_read_timeout(Some(DIAGNOSIS))?;
        let authority_and_path = url.split_once("://").map_or("", |(_, rest)| rest);
        let path = authority_and_path
            .find('/')
            .map_or("/", |at| &authority_and_path[at..]);
        let request = if url.starts_with("rtsp") {
            format!(
                "OPTIONS rtsp://{}:{}{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n",
                self.host, self.port
            )
        } else {
            format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.host)
        };
        stream.write_all(request.as_bytes())?;
        let mut line = String::new();
        BufReader::new(stream.take(1024)).read_line(&mut line)?;
        if line.is_empty() {
            Err(ErrorKind::UnexpectedEof.into())
        } else {
            Ok(line)
        }
    }
}

/// Says why a file cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> SourceError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            SourceError::Unusable(format!("{shown} is not there; check the path"))
        }
        ErrorKind::PermissionDenied => SourceError::Permission(format!(
            "{shown} may not be read by this user; give the user read permission for it"
        )),
        _ => SourceError::Unusable(format!("{shown} cannot be read: {error}")),
    }
}

/// A text has no control characters but white space. Playlists and stream descriptions are text that FFmpeg reads.
fn is_text(start: &[u8]) -> bool {
    let listed = [&b"#EXTM3U"[..], b"v=0", b"ffconcat"]
        .iter()
        .any(|magic| start.starts_with(magic));
    !listed
        && start
            .iter()
            .all(|&byte| byte >= b' ' && byte != 0x7f || byte.is_ascii_whitespace())
}

fn unusable<T>(text: String) -> Result<T, SourceError> {
    Err(SourceError::Unusable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_found_in_every_form_of_url() {
        let parts = |url| Server::of(url).map(|server| (server.host.to_owned(), server.port));
        assert_eq!(parts("rtsp://cam/1"), Some(("cam".into(), 554)));
        assert_eq!(
            parts("http://me:a:b@cam:8080/x"),
            Some(("cam".into(), 8080))
        );
        assert_eq!(parts("https://[::1]/x"), Some(("::1".into(), 443)));
        assert_eq!(parts("https://[::1]:9/x"), Some(("::1".into(), 9)));
        assert_eq!(parts("http://cam:port/x"), None);
        assert_eq!(parts("http://me:12/3@cam/x"), None);
    }

    #[test]
    fn a_camera_that_is_missing_forbidden_or_busy_is_told_apart() {
        let path = Path::new("/dev/video7");
        let text = |kind: ErrorKind| camera_error(path, &kind.into()).to_string();
        assert!(text(ErrorKind::NotFound).contains("is not there; this machine has"));
        assert!(text(ErrorKind::ResourceBusy).contains("another program has it"));
        let forbidden = camera_error(path, &ErrorKind::PermissionDenied.into());
        assert!(matches!(&forbidden, SourceError::Permission(text) if text.contains("usermod")));
    }

    #[test]
    fn a_file_that_may_not_be_read_is_a_matter_of_permission() {
        let error = cannot_read(Path::new("a.avi"), &ErrorKind::PermissionDenied.into());
        assert!(
            matches!(&error, SourceError::Permission(text) if text.starts_with("a.avi may not be read"))
        );
    }
}
