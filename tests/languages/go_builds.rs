//! What a user's module can build the Go package into, and what it is told where that cannot be.

use std::fs;
use std::process::Command;

use crate::common::go_module as module;
use crate::common::go_module::Module;
use crate::common::library::run;

#[test]
fn a_static_program_needs_nothing_at_run_time() {
    for (mode, kind) in [("-buildmode=exe", "-static"), ("-buildmode=pie", "-static-pie")] {
        let Some(module) = Module::new() else { return };
        let flags = format!("-linkmode external -extldflags {kind}");
        module.builds(&["-tags", "netgo,osusergo", mode, "-ldflags", &flags]);
        module::assert_static(&module.program());
        module.works();
    }
}

#[test]
fn a_program_may_be_position_independent() {
    let Some(module) = Module::new() else { return };
    module.builds(&["-buildmode=pie"]);
    module.works();
}

#[test]
fn a_shared_library_works_in_a_host_of_c() {
    let Some(module) = Module::new() else { return };
    let plain = fs::read_to_string(module.file("main.go")).unwrap();
    let exported = plain
        .replace("import (", "import \"C\"\n\nimport (")
        .replace("func main() {\n", "//export Again\nfunc Again() {\n")
        .replace("os.Args[1], os.Args[2]", "os.Getenv(\"DATA\"), os.Getenv(\"TARGET\")");
    fs::write(module.file("main.go"), exported + "\nfunc main() {}\n").unwrap();
    module.builds(&["-buildmode=c-shared"]);
    let host = "#include <dlfcn.h>\n\
        int main(int argc, char **argv) {\n\
            void *shared = argc > 1 ? dlopen(argv[1], RTLD_NOW) : 0;\n\
            void (*again)(void) = shared ? (void (*)(void))dlsym(shared, \"Again\") : 0;\n\
            if (again) again();\n\
            return again ? 0 : 9;\n\
        }\n";
    fs::write(module.file("host.c"), host).unwrap();
    run(Command::new("cc").arg(module.file("host.c")).arg("-o").arg(module.file("host")).arg("-ldl"));
    let mut host = Command::new(module.file("host"));
    host.arg(module.program()).env("DATA", module.data()).env("TARGET", module.target());
    module.restores(&mut host);
}

#[test]
fn without_cgo_or_linux_there_is_one_error_that_says_so() {
    let Some(module) = Module::new() else { return };
    for (variables, wanted) in [
        (vec![("CGO_ENABLED", "0")], "hotbackup_needs_cgo__set_CGO_ENABLED_1"),
        (vec![("CGO_ENABLED", "0"), ("GOARCH", "arm64")], "hotbackup_needs_cgo__set_CGO_ENABLED_1"),
        (vec![("CGO_ENABLED", "0"), ("GOOS", "windows")], "hotbackup_is_for_Linux_only"),
    ] {
        for verb in ["build", "vet"] {
            let mut go = module.go();
            let said = module::refusal(go.arg(verb).envs(variables.clone()));
            let errors: Vec<&str> = said.lines().filter(|line| line.contains(".go:")).collect();
            assert!(errors.len() == 1 && errors[0].contains(wanted), "{verb}, {variables:?}: {said}");
        }
    }
}

#[test]
fn a_vendored_copy_says_what_it_needs() {
    let Some(module) = Module::new() else { return };
    run(module.go().args(["mod", "vendor"]));
    let said = module::refusal(module.go().arg("build"));
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("error: ")).collect();
    assert!(errors.len() == 1, "{said}");
    for wanted in ["hotbackup.h is not found", "packaging/install.sh", "-tags hotbackup_pkgconfig"] {
        assert!(errors[0].contains(wanted), "{said}");
    }
}
