//! auth, user, role, and everything else under them.

use super::beside::Beside;
use crate::cluster::process::Ctl;

fn walk(ctl: Ctl) {
    let both = Beside::with(ctl, &["--bcrypt-cost=4"]);
    both.all_same(
        "put foo bar
         user add bob:pw
         user add bob:pw
         user add :pw
         user add nopw --no-password
         user get bob
         user get eve
         user list
         user list -w json
         role add r1
         role add r1
         role grant-permission r1 readwrite foo
         role grant-permission r1 read a b
         role grant-permission r1 write p --prefix
         role grant-permission r1 write q --from-key
         role grant-permission r1 frob q
         role grant-permission r9 read q
         role get r1
         role get r1 -w json
         role get r1 -w fields
         role get r9
         role list
         role list -w json
         user grant-role bob r1
         user grant-role bob r9
         user grant-role eve r1
         user get bob
         user get bob --detail
         user get bob -w json
         user revoke-role bob r9
         auth enable
         user add root:rp
         auth enable
         role add root
         user grant-role root root
         auth enable",
    );
    under_authentication(&both);
    both.all_same(
        "user revoke-role bob r1 --user root:rp
         user delete bob --user root:rp
         user delete bob --user root:rp
         role delete r1 --user root:rp
         auth disable --user bob:new
         auth disable --user root:rp
         auth disable
         user delete root
         role delete root
         get foo
         role list
         user list",
    );
}

fn under_authentication(both: &Beside) {
    both.all_same(
        "get foo
         get foo --user bob:pw
         get foo --user bob:wrong
         get foo --user eve:wrong
         get foo --user nopw:x
         put foo x --user bob:pw
         get zoo --user bob:pw
         get foo --prefix --user bob:pw
         put b x --user bob:pw
         del foo --user bob:pw --prev-kv
         del p --user bob:pw --prefix
         del p --user bob:pw --prefix --prev-kv
         user list --user bob:pw
         user list --user root:rp
         user get bob --user bob:pw
         user get root --user bob:pw
         role get r1 --user bob:pw
         role get root --user bob:pw
         member list
         member list --user bob:pw
         member remove 1234
         member remove 1234 --user bob:pw
         member add x --peer-urls=http://127.0.0.1:99
         user delete root --user root:rp
         role delete root --user root:rp
         user revoke-role root root --user root:rp
         role revoke-permission r1 a b --user root:rp
         role revoke-permission r1 a b --user root:rp
         role revoke-permission r1 p --prefix --user root:rp
         role get r1 --user root:rp
         defrag
         defrag --user bob:pw
         endpoint hashkv
         endpoint hashkv --user bob:pw
         endpoint status
         endpoint status --user bob:pw
         snapshot save {dir}/s
         snapshot save {dir}/s --user bob:pw
         move-leader 1234
         move-leader 1234 --user bob:pw
         move-leader 1234 --user root:rp
         alarm disarm
         alarm disarm --user bob:pw
         alarm list
         alarm list --user bob:pw
         lease grant 100
         lease list
         lease list --user bob:pw
         lease revoke 1234
         lease revoke 1234 --user bob:pw
         lease timetolive 1234
         lease timetolive 1234 --user bob:pw
         lease keep-alive --once 1234
         compaction 1
         compaction 1 --user bob:pw
         watch foo
         lock l
         lock l --user bob:pw
         elect e v --user bob:pw",
    );
    both.same_with("txn --user bob:pw", "\n\nget foo\nput foo y\n\n\n");
    both.same_with("txn --user bob:pw", "\n\nget zoo\n\n\n");
    both.same_with("txn", "\n\nput foo x\n\n\n");
    both.same_with("user passwd bob --interactive=false --user root:rp", "new\n");
    both.all_same("get foo --user bob:pw\nget foo --user bob:new");
}

#[test]
fn rights_are_those_of_etcd_with_debians_etcdctl() {
    walk(Ctl::Debian);
}

#[test]
fn rights_are_those_of_etcd_with_its_own_etcdctl() {
    walk(Ctl::Etcd35);
}
