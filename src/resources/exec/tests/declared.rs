use super::*;

fn refused(params: &[(&'static str, &str)]) -> Vec<Option<&'static str>> {
    let (scene, _) = Scene::fake();
    let errors = scene.kind.build(&declared(params)).unwrap_err();
    errors.iter().map(|error| error.param).collect()
}

#[test]
fn what_cannot_be_is_refused_all_at_once() {
    assert_eq!(refused(&[("cmd", " ")]), [Some("cmd")]);
    assert_eq!(refused(&[("cmd", "a b"), ("args", "[c]")]), [Some("args")]);
    assert_eq!(refused(&[("cmd", "a"), ("args", "[c]"), ("shell", "/bin/sh")]), [Some("args")]);
    assert_eq!(refused(&[("ifequals", "x")]), [Some("ifequals")]);
    assert_eq!(
        refused(&[("sig", "HELLO"), ("creates", "a"), ("mtimes", "[b]"), ("watchfiles", "[c]")]),
        [Some("watchfiles"), Some("mtimes"), Some("creates"), Some("sig")]
    );
    let env = Value::Map([(Value::str("A=B"), Value::str("c"))].into());
    let mut declaration = declared(&[]);
    declaration.params.set("env", env);
    assert_eq!(Spec::new(&declaration).unwrap_err()[0].param, Some("env"));
}

#[test]
fn the_name_is_the_command_and_words_are_split_without_a_shell() {
    let words = |params: &[(&'static str, &str)]| Spec::new(&declared(params)).unwrap().cmd.words.join("|");
    assert_eq!(words(&[]), "it");
    assert_eq!(words(&[("cmd", " a  'b c'\n d ")]), "a|'b|c'|d");
    assert_eq!(words(&[("cmd", "a"), ("args", "[b c,d]")]), "a|b c|d");
    assert_eq!(words(&[("cmd", "a | b"), ("shell", "/bin/sh")]), "/bin/sh|-c|a | b");
}

#[test]
fn programs_folders_and_accounts_come_first() {
    let (scene, _) = Scene::fake();
    let asked = |params: &[(&'static str, &str)]| {
        let capabilities = scene.kind.capabilities(&declared(params));
        let asks = capabilities.asks.iter().filter(|ask| ask.first_of[0].sort != "owned");
        let asks = asks.map(|ask| format!("{}:{}", ask.first_of[0].sort, ask.first_of[0].id));
        (asks.collect::<Vec<_>>().join(" "), capabilities.unwatched)
    };
    assert_eq!(asked(&[("cmd", "bare word")]), ("path:/usr/local/sbin/bare".to_owned(), true));
    assert_eq!(asked(&[("cmd", "./bare word")]), (String::new(), true));
    let all = [
        ("cmd", "/bin/a b"),
        ("cwd", "/srv/"),
        ("ifcmd", "/bin/b"),
        ("ifshell", "/bin/sh"),
        ("nifcmd", "/bin/c"),
        ("donecmd", "/bin/d"),
        ("watchcmd", "/bin/a"),
        ("user", "u"),
        ("group", "g"),
        ("creates", "/x"),
    ];
    let asks = "path:/bin/a path:/bin/c path:/bin/d path:/bin/sh path:/srv user:u group:g";
    assert_eq!(asked(&all), (asks.to_owned(), false));
    for param in [("creates", "/x"), ("mtimes", "[/x]"), ("watchfiles", "[/x]"), ("watchcmd", "x")] {
        assert!(!asked(&[param]).1, "{param:?} is watched");
    }
}

#[test]
fn what_is_sensitive_is_shown_nowhere() {
    let mut declaration = declared(&[("cmd", "login s3cret")]);
    let mut meta = (*crate::engine::Meta::shared_default()).clone();
    meta.sensitive = vec!["cmd".into()];
    declaration.meta = Arc::new(meta);
    let spec = Spec::new(&declaration).unwrap();
    assert!(!spec.cmd.shown.contains("s3cret") && spec.secret_output);
}
