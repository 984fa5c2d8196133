//! kill -9 in the middle of the work.

use std::fs;

use super::scratch::{Agent, Scratch, mode};

const COUNT: usize = 1000;

fn content(number: usize) -> String {
    format!("file {number}: {}", "all of it or nothing. ".repeat(50))
}

#[test]
fn no_file_is_ever_half_written_and_the_next_run_completes() {
    let scratch = Scratch::new();
    let mut graph = "graph: many\nresources:\n  file:\n".to_owned();
    for number in 0..COUNT {
        let content = content(number);
        graph += &format!(
            "  - name: f{number}\n    path: DIR/out/f{number}\n    content: \"{content}\"\n    mode: \"0604\"\n"
        );
    }
    scratch.write("graph.yaml", &graph);
    // Killed at different depths: when the first file is there, the hundredth, the five hundredth.
    for depth in [0, 100, 500] {
        let _ = fs::remove_dir_all(scratch.path("out"));
        fs::create_dir(scratch.path("out")).unwrap();
        let agent = Agent::start(scratch.mgmt(&["run", "--log", "warn", "graph.yaml"]));
        let mark = scratch.path(&format!("out/f{depth}"));
        agent.until("it is in the middle", || mark.exists());
        drop(agent);
        let mut written = 0;
        for number in 0..COUNT {
            let path = scratch.path(&format!("out/f{number}"));
            if path.exists() {
                assert_eq!(fs::read_to_string(&path).unwrap(), content(number));
                assert_eq!(mode(&path), 0o604);
                written += 1;
            }
        }
        assert!(written > 0);
        let output = scratch.output(&["run", "--log", "warn", "--converged-timeout", "0", "graph.yaml"]);
        assert!(output.status.success(), "{output:?}");
        for number in 0..COUNT {
            assert_eq!(scratch.read(&format!("out/f{number}")), content(number));
        }
        if written < COUNT {
            assert_eq!(fs::read_dir(scratch.path("out")).unwrap().count(), COUNT, "nothing is left behind");
        }
    }
}
