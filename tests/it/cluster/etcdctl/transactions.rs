//! txn, in the form that is typed.

use super::beside::Beside;

#[test]
fn transactions_take_the_branch_that_etcd_takes() {
    let both = Beside::start();
    for typed in [
        "value(\"foo\") = \"x\"\nmod(\"foo\") > \"0\"\n\nput foo then\nget foo\n\nput foo else\nget foo\n\n",
        "\n\nput foo one\nput bar two\nget foo\ndel bar\n\n\n",
        "ver(\"foo\") = \"2\"\ncreate(\"zzz\") = \"0\"\n\nget foo\n\nget bar\n\n",
        "value(\"foo\") > \"a\"\nvalue(\"foo\") < \"z\"\n\ndel --prev-kv foo\n\nget bar\n\n",
        "\n\nput foo one\nput foo two\n\n\n",
        "\n\nget foo\n\n\n",
        "value(\"foo\" = \"x\"\n\n",
    ] {
        both.same_with("txn", typed);
    }
    let typed = "\n\nput foo one\nput bar two\nget foo\ndel baz\n\n\n";
    for form in ["json", "fields", "simple"] {
        both.same_with(&format!("txn -w {form}"), typed);
    }
    both.same("get --prefix ''");
    // Asks before it reads.
    both.same_with("txn -i", typed);
}

#[test]
fn a_transaction_has_at_most_128_operations() {
    let both = Beside::start();
    let many = |count: usize| {
        let puts: String = (0..count).map(|number| format!("put k{number} v\n")).collect();
        format!("\n{puts}\n\n")
    };
    both.same_with("txn", &many(128)).worked();
    let refused = both.same_with("txn", &many(129)).failed();
    assert!(refused.contains("etcdserver: too many operations in txn request"), "{refused}");
}
