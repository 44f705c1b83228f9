//! What nobody may read.

use hotbackup::Options;

use crate::common::ceph::{ACCESS_KEY, SECRET_KEY};
use crate::common::proxy::{Fault, When};
use crate::scene::{PASSWORD, Scene, push};

#[track_caller]
fn holds_none(text: &str) {
    let hidden = [PASSWORD, SECRET_KEY, "X-Amz-Signature=", "Signature=", "Credential="];
    for secret in hidden {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn no_error_tells_a_secret() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let faults = [
        Fault::denied(),
        Fault::expired(),
        Fault::full(),
        Fault::Status(500),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Error(403, "hbsecretkey"),
        Fault::Error(400, "https://h/?X-Amz-Signature=abc"),
    ];
    for fault in faults {
        for kind in ["locks/", "data/", "snapshots/"] {
            let pattern = format!("*/backups/db1/{kind}*");
            scene.rule(When::method("PUT").target(&pattern), fault.clone());
            let job = crate::scene::start(&scene.remote_with(&[("retries", "0")]), &snapshot);
            if let Err(error) = job.wait() {
                holds_none(&format!("{error} {error:?}"));
            }
            job.warnings().expect("warnings").iter().for_each(|one| holds_none(&format!("{one:?}")));
            scene.proxy.clear();
        }
    }
    let mut wrong = hotbackup_remote::RemoteOptions::new();
    wrong.set_password_hook(|| Ok("a wrong pass".into())).unwrap();
    for (key, value) in scene.store.settings() {
        wrong.set(key, &value).expect("a choice");
    }
    holds_none(&format!("{wrong:?}"));
    let remote = hotbackup_remote::Remote::open(&scene.store.url(), &wrong).expect("a remote");
    let error = remote.list(None).expect_err("the password is wrong");
    assert!(!format!("{error:?}").contains("a wrong pass"), "{error:?}");
    let bad = scene.remote_with(&[("secret_key", "some other secret")]);
    let error = bad.list(None).expect_err("the key is wrong");
    assert_eq!(error.code(), hotbackup::Code::Unauthorized, "{error}");
    assert!(!format!("{error:?}").contains("some other secret"), "{error:?}");
}

#[test]
fn nothing_in_the_repository_is_plain_but_its_keys_and_those_hold_no_secret() {
    let Some(scene) = Scene::new() else { return };
    let words = b"a row of the database";
    std::fs::write(scene.data().join("table.mdb"), words).expect("a file");
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    let bucket = scene.bucket();
    let mut seen = 0;
    for (name, _) in bucket.list("").iter() {
        let bytes = bucket.get(name);
        seen += 1;
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        for hidden in [PASSWORD, SECRET_KEY, ACCESS_KEY, "table.mdb", "a row of the database"] {
            assert!(!has(hidden.as_bytes()), "{name} holds {hidden}");
        }
    }
    assert!(seen >= 6, "{seen} objects");
    let back = scene.fresh("back");
    scene.remote().restore("latest", &back, &Options::new()).expect("a job").wait().expect("a restore");
    assert_eq!(std::fs::read(back.join("table.mdb")).expect("a file"), words);
}
