//! The daemon's page in a real browser: it shows what was found out, and the browser finds no fault with it.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::super::NODE;
use super::daemon::{Daemon, Start, told};
use super::{Pod, cluster, fails, fails_as};

/// How long the browser may take, on a busy machine.
const SHOWN: Duration = Duration::from_mins(1);

/// What a browser would run if the page let it.
const HOSTILE: &str = "r.test/<script>console.error('run')</script><img src=x onerror=\"console.error('run')\">";

/// What the browser made of a page, and what it said meanwhile; the picture goes to `picture`. `None` where there is no
/// browser.
#[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
async fn browse(url: &str, folder: &std::path::Path, picture: &std::path::Path) -> Option<(String, String)> {
    // As the first process of a process namespace it takes all its helpers with it.
    let ran = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "chromium", "--headless", "--no-sandbox"])
        .args(["--disable-gpu", "--disable-background-networking", "--no-first-run", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.display()))
        .args(["--dump-dom", "--window-size=900,1200"])
        .arg(format!("--screenshot={}", picture.display()))
        .arg(url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let is_there = Command::new("chromium").arg("--version").output().await.is_ok_and(|ran| ran.status.success());
    if !is_there || !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root, and chromium");
        eprintln!("NOT TESTED: the page in a browser needs root, and chromium");
        return None;
    }
    let ran = timeout(SHOWN, ran).await.expect("the browser ends").expect("it starts");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    Some((String::from_utf8_lossy(&ran.stdout).into_owned(), said))
}

#[tokio::test]
async fn a_browser_shows_the_page_and_finds_no_fault_with_it() {
    let cluster = cluster().await;
    // A port that was free a moment ago; the daemon takes none that it would have to tell of.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let settings = format!("http: {{ listen: \"127.0.0.1:{port}\", reports: true }}\n");
    let daemon = Daemon::start_with(&cluster, Start { settings: &settings, ..Start::default() }).await;
    let (_, stored) = fails(&cluster, "web", "team/public:2", "not found").await;
    told(&cluster, &stored, "PullTagNotFound").await;
    let (_, hostile) = fails_as(&cluster, Pod::new(NODE, "shop", "bad"), HOSTILE, "invalid reference format").await;
    told(&cluster, &hostile, "PullInvalidReference").await;
    daemon.until("it listens", |daemon| daemon.log().contains("\"listening\"")).await;
    let picture = cluster.root.path().join("page.png");
    let url = format!("http://127.0.0.1:{port}/");
    let Some((page, said)) = browse(&url, &cluster.root.path().join("browser"), &picture).await else { return };
    let shown = ["Image pulls on", NODE, "team/public:2", "TagNotFound", "Would fail", "InvalidReference"];
    for words in shown {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Were it allowed, it would have been run, and were it not, the browser would say so.
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(!said.contains("CONSOLE"), "{said}");
    let picture = std::fs::read(&picture).expect("a picture");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} bytes", picture.len());
    assert!(daemon.stop().await);
}
