//! The recipe for nginx, as it stands in docs/recipes.md.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::Serve;
use crate::harness::{Bus, Process, until};

const RECIPES: &str = include_str!("../../../docs/recipes.md");
const NAME: &str = "cameras.example.org";

/// The block of a kind, with other addresses and files.
fn configuration(dir: &Path, port: u16, backend: &str) -> String {
    let (_, block) = RECIPES.split_once("```nginx\n").expect("the recipe");
    let (block, _) = block.split_once("```").expect("its end");
    let files = dir.display();
    let replaced = block
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace(
            "/etc/ssl/certs/cameras.pem",
            &format!("{files}/cameras.pem"),
        )
        .replace(
            "/etc/ssl/private/cameras.key",
            &format!("{files}/cameras.key"),
        )
        .replace("127.0.0.1:8080", backend);
    assert!(replaced.contains(NAME) && replaced.contains(&files.to_string()));
    format!(
        "daemon off; master_process off; pid {files}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{\n\
         access_log off; client_body_temp_path {files}/a; proxy_temp_path {files}/b; fastcgi_temp_path {files}/c;\n\
         uwsgi_temp_path {files}/d; scgi_temp_path {files}/e;\n{replaced}}}\n"
    )
}

#[test]
fn behind_nginx_there_is_tls_and_streams_are_not_collected() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120"]);
    let serve = Serve::start(&bus, &["--host", NAME]);
    let dir = bus.runtime();
    let subject = format!("/CN={NAME}");
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", &subject,
        ])
        .args(["-keyout", "cameras.key", "-out", "cameras.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl: bin/setup --test installs it");
    assert!(made.status.success(), "{made:?}");
    // Free a moment ago; somebody else may take it, which nginx would say.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a port").port();
    let file = dir.join("nginx.conf");
    std::fs::write(&file, configuration(dir, port, &serve.address)).expect("a file");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(&file);
    let nginx = Process::spawn(command);
    until("nginx listens", || {
        assert!(!nginx.has_ended(), "{}", nginx.stderr());
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let curl = |path: &str, more: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sk", "--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
        command
            .args(more)
            .arg(format!("https://{NAME}:{port}{path}"));
        command.output().expect("curl").stdout
    };
    assert_eq!(curl("/snapshot.jpg", &[])[..2], [0xff, 0xd8]);
    let page = String::from_utf8(curl("/", &[])).expect("a text");
    assert!(page.contains("<title>framebus</title>"), "{page}");
    // What is collected would not have come by then.
    let parts = |bytes: Vec<u8>| {
        String::from_utf8_lossy(&bytes)
            .matches("X-Sequence")
            .count()
    };
    let mut count = 0;
    until("a stream comes picture by picture", || {
        count = parts(curl("/stream.mjpg?width=16", &["-m", "2"]));
        count > 5
    });
    let events = String::from_utf8(curl("/events", &["-m", "3"])).expect("a text");
    assert!(events.matches("data: {").count() > 1, "{events}");
}
