//! Values in JSON files of a host.

use super::machine::Machine;

#[test]
fn a_value_is_kept_in_a_file_that_others_write() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/app.json", "{\n    // ours\n    \"level\": 1,\n    \"theirs\": true\n}\n");
    let graph = "graph: site
resources:
  json:edit:
  - name: /etc/app.json
    edits:
    - .level = 3
    - .tags += [\"managed\"]
";
    let agent = host.agent(graph);
    let edited = "{\n    // ours\n    \"level\": 3,\n    \"theirs\": true,\n    \"tags\": [\"managed\"]\n}\n";
    assert_eq!(host.read("/etc/app.json"), edited);
    host.sh("sed -i 's/3/9/; s/true/false/' /etc/app.json");
    agent.until("it is repaired", || host.read("/etc/app.json") == edited.replace("true", "false"));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}
