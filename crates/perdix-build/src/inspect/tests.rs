use super::*;

const HEAD: &str = "// Generated\n.version 6.3\n.target sm_70\n.address_size 64\n.visible .entry k(\n)\n{\n";

fn findings(body: &str) -> Vec<Finding> {
    match inspect(&format!("{HEAD}{body}\n\tret;\n}}\n")) {
        Ok(_) => Vec::new(),
        Err(InspectError::Refused(findings)) => findings,
        Err(other) => panic!("{other}"),
    }
}

fn fault(instruction: &str) -> Option<Fault> {
    findings(instruction).first().map(|finding| finding.fault)
}

#[test]
fn good_ptx_is_described() {
    let ptx = format!(
        "{HEAD}\tst.release.sys.global.b64 \t[%rd2], %rd3;\n\tret;\n}}\n.func f(\n)\n{{\n\tret;\n}}\n"
    );
    let report = inspect(&ptx).unwrap();
    assert_eq!((report.version.as_str(), report.target), ("6.3", 70));
    assert_eq!((report.kernels, report.functions), (vec!["k".to_owned()], vec!["f".to_owned()]));
}

#[test]
fn the_orders_that_the_protocol_uses_pass() {
    for instruction in [
        "ld.acquire.sys.global.b64 %rd5, [%rd2];",
        "st.relaxed.sys.v2.u64 [%rd3], {%rd4, %rd5};",
        "fence.acq_rel.sys;",
        "ld.global.v2.b64 {%rd5, %rd6}, [%rd3];",
        "atom.relaxed.gpu.add.u64 %rd1, [%rd2], %rd3;",
        "red.relaxed.gpu.global.add.u64 [%rd2], 1;",
        "atom.acq_rel.sys.global.cas.b64 %rd5, [%rd2], 1, 2;",
        "atom.shared.add.u32 %r1, [%r2], 1;",
        "vote.sync.ballot.b32 %r5, %p3, -1;",
    ] {
        assert_eq!(fault(instruction), None, "{instruction}");
    }
}

#[test]
fn non_coherent_loads_are_refused_wherever_they_hide() {
    for instruction in [
        "ld.global.nc.b64 %rd5, [%rd3];",
        "@%p1 ld.global.nc.v2.u64 {%a, %b}, [%rd3];",
        "{ .reg .u64 %g; ld.global.nc.L1::no_allocate.u64 %g, [%rd1]; }",
    ] {
        assert_eq!(fault(instruction), Some(Fault::NonCoherentLoad), "{instruction}");
    }
}

#[test]
fn the_kernels_own_tables_may_be_read_any_way() {
    let table = HEAD.replace(".visible", ".global .align 8 .b8 TABLE[16] = {1, 0, 0, 0};\n.visible");
    let body = "mov.b64 \t%rd13, TABLE;\nadd.s64 \t%rd14, %rd13, %rd12;\nld.global.nc.b64 \t%rd15, [%rd14];\nret;\n}\n";
    assert!(inspect(&format!("{table}{body}")).is_ok());
    assert!(inspect(&format!("{table}{}", body.replace(", TABLE", ", %rd1"))).is_err());
}

#[test]
fn read_modify_writes_need_a_scope_that_stays_on_the_device() {
    for instruction in [
        "atom.global.add.u64 %rd5, [%rd2], 3;",
        "red.global.or.b64 [%rd2], 3;",
        "atom.exch.b64 %rd1, [%rd2], 3;",
    ] {
        assert_eq!(fault(instruction), Some(Fault::UnscopedAtomic), "{instruction}");
    }
    assert_eq!(fault("atom.relaxed.sys.global.add.u64 %rd5, [%rd2], 3;"), Some(Fault::SystemAtomic));
}

#[test]
fn unscoped_atomics_pass_when_allowed_and_on_old_targets() {
    let ptx = format!("{HEAD}atom.global.add.u64 %rd5, [%rd2], 3;\nret;\n}}\n");
    assert!(inspect(&ptx).is_err());
    assert!(inspect_with(&ptx, Policy { allow_unscoped_atomics: true }).is_ok());
    assert!(inspect(&ptx.replace("sm_70", "sm_60")).is_ok());
}

#[test]
fn only_functions_that_nobody_defines_are_unresolved() {
    let with =
        |declaration: &str| HEAD.replace(".visible", &format!("{declaration}\n.visible")) + "ret;\n}\n";
    assert!(inspect(&with(".extern .func (.param .b32 r) vprintf\n(\n)\n;")).is_ok());
    assert!(inspect(&(with(".extern .func f(\n);") + ".func f(\n)\n{\nret;\n}\n")).is_ok());
    let error = inspect(&with(".extern .func memcpy(\n);")).unwrap_err().to_string();
    assert!(
        error.contains("line 5") && error.contains("`memcpy`") && error.contains("not defined"),
        "{error}"
    );
}

#[test]
fn a_finding_names_line_function_and_remedy() {
    let found = findings("ld.global.nc.b64 %rd5, [%rd3];");
    assert_eq!((found[0].line, found[0].function.as_str()), (8, "k"));
    let text = found[0].to_string();
    assert!(
        text.starts_with("line 8, in k: `ld.global.nc.b64 %rd5, [%rd3]`") && text.contains("raw pointer"),
        "{text}"
    );
}

#[test]
fn what_is_no_ptx_is_said_to_be_none() {
    assert_eq!(inspect("fn main() {}"), Err(InspectError::NotPtx));
    assert_eq!(inspect(".version 6.3\n.target sm_70\n"), Err(InspectError::NoKernels));
}
