//! Manifests rendered by kubectl and by Go's templates, as values. Judges none.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Where Debian's packages put the sources that the renderer is built with.
const GO_SOURCES: &str = "/usr/share/gocode";

/// A file or folder of the packaging.
pub(crate) fn packaging(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(path)
}

/// A folder that `tests/setup test` lays into the cache.
pub(super) fn cached(name: &str) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).expect("a home");
    cache.join("pullagent").join(name)
}

/// Where programs are looked for, the kubectl of `tests/setup test` first.
pub(crate) fn path_with_kubectl() -> OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(cached("kubectl/usr/bin")).chain(std::env::split_paths(&others));
    std::env::join_paths(folders).expect("folders without colons")
}

/// What was rendered.
pub(crate) struct Objects {
    /// The documents, as they would be applied.
    pub(crate) yaml: String,
    /// Each as a value.
    pub(crate) all: Vec<Value>,
}

impl Objects {
    fn parse(yaml: String) -> Self {
        let all: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("documents");
        Self { yaml, all: all.into_iter().filter(|object| !object.is_null()).collect() }
    }

    /// A folder with a kustomization, below `packaging/kubernetes`.
    pub(crate) async fn kustomized(folder: &str) -> Self {
        Self::kustomized_at(&packaging("kubernetes").join(folder)).await
    }

    /// A mode with components, as a person would put them together.
    pub(crate) async fn with_components(mode: &str, components: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().canonicalize().expect("a path");
        let there = packaging("kubernetes").canonicalize().expect("a path");
        // Kustomize wants relative paths.
        let up = "../".repeat(here.components().count() - 1);
        let part = |name: String| format!("{up}{}/{name}", there.display().to_string().trim_start_matches('/'));
        let components: Vec<String> = components.iter().map(|name| part(format!("components/{name}"))).collect();
        let text = json!({ "resources": [part(format!("overlays/{mode}"))], "components": components });
        std::fs::write(here.join("kustomization.yaml"), text.to_string()).expect("a file");
        Self::kustomized_at(&here).await
    }

    async fn kustomized_at(folder: &Path) -> Self {
        let yaml = output(Command::new("kubectl").env("PATH", path_with_kubectl()).arg("kustomize").arg(folder)).await;
        Self::parse(yaml.expect("kubectl 1.21 or newer renders it"))
    }

    /// The chart with these values, installed into the namespace `pullagent`; an error is what the templates say.
    pub(crate) async fn of_chart(values: &Value) -> Result<Self, String> {
        static RENDERER: LazyLock<OnceCell<Renderer>> = LazyLock::new(OnceCell::new);
        let renderer = RENDERER.get_or_init(Renderer::build).await;
        let file = renderer.0.path().join(format!("{}.yaml", fingerprint(values)));
        // Every JSON is YAML.
        std::fs::write(&file, values.to_string()).expect("a file");
        let mut command = Command::new(renderer.0.path().join("render"));
        let command = command.arg(packaging("helm/pullagent")).args(["pullagent", "pullagent"]).arg(file);
        output(command).await.map(Self::parse)
    }

    /// The one object of this kind and name; the hash at the end of a generated name is left out.
    #[track_caller]
    pub(crate) fn one(&self, kind: &str, name: &str) -> &Value {
        let mut found = self.all.iter().filter(|object| object["kind"] == kind && name_of(object).0 == name);
        let one = found.next().unwrap_or_else(|| panic!("there is no {kind} {name}"));
        assert!(found.next().is_none(), "several {kind} {name}");
        one
    }

    /// Kind and name of each, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.all.iter().map(|object| format!("{} {}", text(&object["kind"]), name_of(object).0)).collect();
        names.sort();
        names
    }

    /// The agent's pod, of its only container.
    pub(crate) fn pod(&self) -> &Value {
        &self.one("DaemonSet", "pullagent")["spec"]["template"]["spec"]
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> &str {
        self.one("ConfigMap", "pullagent-settings")["data"]["config.yaml"].as_str().expect("the settings")
    }
}

/// The program that renders charts, built once.
struct Renderer(TempDir);

impl Renderer {
    async fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/manifests/render.go");
        let mut go = Command::new("go");
        let go = go.args(["build", "-o"]).arg(folder.path().join("render")).arg(source);
        let built = output(go.envs([("GO111MODULE", "off"), ("GOPATH", GO_SOURCES), ("GOFLAGS", "")])).await;
        built.expect("`tests/setup` installs what the renderer is built with");
        Self(folder)
    }
}

fn fingerprint(values: &Value) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    values.to_string().hash(&mut hasher);
    hasher.finish()
}

/// Name and hash of an object: both ways of rendering end the name of settings with ten characters of a hash.
pub(super) fn name_of(object: &Value) -> (String, String) {
    let name = text(&object["metadata"]["name"]);
    match name.rsplit_once('-') {
        Some((name, hash)) if object["kind"] == "ConfigMap" => (name.to_owned(), hash.to_owned()),
        _ => (name, String::new()),
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Named entries of a list, whose order means nothing.
pub(super) fn by_name(list: &Value) -> BTreeMap<String, Value> {
    list.as_array().into_iter().flatten().map(|entry| (text(&entry["name"]), entry.clone())).collect()
}

/// What a program prints; its complaint if it fails.
pub(super) async fn output(command: &mut Command) -> Result<String, String> {
    let ended = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| error.to_string())?;
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| error.to_string());
    if ended.status.success() { said(ended.stdout) } else { Err(said(ended.stderr)?) }
}
