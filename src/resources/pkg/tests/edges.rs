//! Automatic edges of packages.

use std::sync::Arc;
use std::time::Instant;

use super::{PkgKind, Shop, text};
use crate::engine::graph::{Graph, Vertex};
use crate::engine::kind::{Ask, Uid};
use crate::engine::runtime::prepare::{Options, complete};
use crate::engine::{Capabilities, Declaration, Kind, KindDoc, Label, ParamError, Params, Resource, Value};
use crate::resources::file::FileKind;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::noop::NoopKind;

/// Asks for the package of a unit.
#[derive(Debug)]
struct Service(NoopKind);

impl Kind for Service {
    fn describe(&self) -> &KindDoc {
        self.0.describe()
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        self.0.build(declaration)
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let name = &declaration.label.name;
        let unit = Uid::new("owned", format!("/usr/lib/systemd/system/{name}.service"));
        Capabilities { asks: vec![Ask::after(vec![unit], "its package")], ..Capabilities::default() }
    }
}

struct Sketch {
    graph: Graph,
    pkg: Arc<dyn Kind>,
    file: Arc<dyn Kind>,
    svc: Arc<dyn Kind>,
}

impl Sketch {
    fn new(shop: &Shop) -> Self {
        let host = Host::new(Arc::new(FakeWatch::new()));
        let svc = Arc::new(Service(NoopKind::new()));
        Self {
            graph: Graph::new("sketch"),
            pkg: Arc::new(PkgKind::new(shop.host.clone())),
            file: Arc::new(FileKind::new(host)),
            svc,
        }
    }

    fn add(&mut self, kind: &str, name: &str, params: Params) {
        let of = match kind {
            "pkg" => &self.pkg,
            "file" => &self.file,
            _ => &self.svc,
        };
        self.graph.add(Vertex::new(of.clone(), Declaration::new(Label::new(kind, name), params))).unwrap();
    }

    fn with(mut self, kind: &str, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.add(kind, name, Params::new()));
        self
    }

    /// `from > to`, sorted.
    fn edges(self) -> Vec<String> {
        let graph = complete(self.graph, Options { autoedges: true, autogroup: false }).unwrap();
        let name = |node| graph.vertex(node).label().name.to_string();
        let mut edges: Vec<String> =
            graph.edges().map(|(from, to, _)| format!("{} > {}", name(from), name(to))).collect();
        edges.sort();
        edges
    }
}

#[test]
fn what_an_installed_package_owns_comes_after_it() {
    let shop = Shop::stocked();
    let owned = "/.\n/etc\n/etc/web\n/etc/web/conf\n/lib\n/lib/systemd\n/lib/systemd/system\n\
                 /lib/systemd/system/httpd.service\n/usr/share/shared";
    shop.fake.host().owned.insert("web".into(), owned.into());
    shop.fake.host().owned.insert("more".into(), "/usr/share/shared\n/opt/more".into());
    shop.fake.host().owned.insert("base-files".into(), "/.\n/etc\n/opt".into());
    let edges = Sketch::new(&shop)
        .with("pkg", &["web", "more"])
        .with("svc", &["httpd", "stray"])
        .with("file", &["/etc/web/conf.d/x", "/etc/motd", "/usr/share/shared/x", "/opt/more/x"])
        .edges();
    assert_eq!(edges, ["more > /opt/more/x", "web > /etc/web/conf.d/x", "web > httpd"]);
}

#[test]
fn what_has_the_name_of_a_package_that_is_not_installed_comes_after_it() {
    let edges = Sketch::new(&Shop::stocked())
        .with("pkg", &["nginx"])
        .with("svc", &["nginx", "nginx@one", "other"])
        .with(
            "file",
            &["/etc/nginx/sites/x", "/usr/lib/nginx/mod", "/usr/sbin/nginx", "/home/nginx-x/y", "/etc/x"],
        )
        .edges();
    let wanted = ["/etc/nginx/sites/x", "/usr/lib/nginx/mod", "/usr/sbin/nginx", "nginx", "nginx@one"];
    assert_eq!(edges, wanted.map(|to| format!("nginx > {to}")));
}

#[test]
fn an_index_knows_what_a_package_will_bring() {
    let shop = Shop::stocked();
    let list = shop.bench.path("repo_Contents-amd64");
    std::fs::write(&list, "lib/systemd/system/oddly-named.service  admin/tiny\n").unwrap();
    shop.fake.host().contents.push(list);
    let edges = Sketch::new(&shop).with("pkg", &["tiny"]).with("svc", &["oddly-named", "tiny"]).edges();
    assert_eq!(edges, ["tiny > oddly-named", "tiny > tiny"]);
}

#[test]
fn what_is_to_be_absent_brings_nothing_and_repositories_come_before_all() {
    let mut sketch = Sketch::new(&Shop::stocked())
        .with("pkg", &["one", "two"])
        .with("file", &["/etc/apt/sources.list.d/x.list", "/etc/apt/keyrings/x.gpg", "/etc/gone/conf"]);
    sketch.add("pkg", "gone", Params::from_iter([("state", text("uninstalled"))]));
    let packages = ["gone", "one", "two"];
    let mut wanted: Vec<String> = Vec::new();
    for file in ["/etc/apt/keyrings/x.gpg", "/etc/apt/sources.list.d/x.list"] {
        wanted.extend(packages.iter().map(|package| format!("{file} > {package}")));
    }
    assert_eq!(sketch.edges(), wanted);
}

#[test]
fn edges_of_a_large_graph_are_found_quickly() {
    let shop = Shop::stocked();
    let names: Vec<String> = (0..300).map(|number| format!("p{number}")).collect();
    for name in &names {
        let files = (0..200).map(|file| format!("/usr/share/{name}/f{file}\n")).collect::<String>();
        let owned = format!("/.\n/etc\n/etc/{name}\n/lib/systemd/system/{name}.service\n{files}");
        shop.fake.host().owned.insert(name.clone(), owned);
    }
    let mut sketch = Sketch::new(&shop);
    for name in &names {
        sketch.add("pkg", name, Params::new());
        sketch.add("svc", name, Params::new());
    }
    for file in 0..10_000 {
        let params = Params::from_iter([("state", Value::str("exists"))]);
        sketch.add("file", &format!("/etc/p{}/conf.d/f{file}", file % 300), params);
    }
    let begun = Instant::now();
    let graph = complete(sketch.graph, Options { autoedges: true, autogroup: false }).unwrap();
    println!(
        "300 packages, 300 services, 10,000 files: {} edges in {:?}",
        graph.edge_count(),
        begun.elapsed()
    );
    assert_eq!(graph.edge_count(), 10_300);
}
