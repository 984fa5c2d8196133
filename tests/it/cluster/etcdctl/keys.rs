//! put, get, del, compaction.

use super::beside::Beside;
use crate::cluster::process::Ctl;

fn walk(ctl: Ctl) {
    let both = Beside::with(ctl, &[]);
    both.all_same(
        "put foo bar
         put foo1 bar1
         put foo2 bar2
         put zed last
         put a first
         put foo changed --prev-kv
         put foo --ignore-value
         put nothere --ignore-value
         put foo x --lease=1234
         put foo x --lease=xyz
         get foo
         get foo --prefix
         get foo --prefix --rev=4
         get foo --prefix --rev=400
         get foo --from-key
         get foo foo2
         get '' --prefix --sort-by=VALUE --order=DESCEND
         get '' --prefix --sort-by=MODIFY --order=ASCEND
         get '' --prefix --sort-by=CREATE --order=DESCEND
         get '' --prefix --sort-by=VERSION
         get '' --prefix --sort-by=KEY --order=DESCEND --limit=2
         get '' --prefix --sort-by=frob
         get '' --from-key --limit=2
         get '' --prefix --keys-only
         get '' --prefix --count-only
         get '' --prefix --count-only -w fields
         get foo --print-value-only
         get foo --prefix --keys-only --print-value-only
         get foo --consistency=s
         get foo --consistency=l
         get foo --consistency=x
         get foo --hex
         get foo -w fields
         get foo -w json
         get foo -w table
         get '' --prefix --limit=2 -w json
         get '' --prefix --limit=2 -w fields
         get foo --from-key --prefix
         get
         del foo1 --prev-kv
         del nothing
         del f --prefix --prev-kv
         del m --from-key
         del a z
         del x -w json
         del x -w fields
         put k1 v1
         put k2 v2 -w json
         put k2 v3 -w fields
         put k2 v3 -w json --prev-kv",
    );
    both.same_with("put k3", "from standard input\n");
    both.all_same(
        "get k3
         compaction 3
         compaction 3
         compaction 300
         compaction 5 --physical
         compaction x
         get foo --rev=4
         get foo --rev=5
         get k2",
    );
}

#[test]
fn keys_are_written_read_and_deleted_as_in_etcd_with_debians_etcdctl() {
    walk(Ctl::Debian);
}

#[test]
fn keys_are_written_read_and_deleted_as_in_etcd_with_its_own_etcdctl() {
    walk(Ctl::Etcd35);
}
