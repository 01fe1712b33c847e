//! What the text of a PTX module says of itself, beside its code.

/// The lists of bytes that the module's data consists of.
pub(crate) fn byte_lists(ptx: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    ptx.split("= {").skip(1).map(|list| {
        let list = list.split('}').next().unwrap_or_default();
        // Lists of other things than bytes break off here.
        list.split(',').map_while(|number| number.trim().parse::<u8>().ok()).collect()
    })
}

/// The layout version that the module's kernels were made for, if it is not this crate's. A module that does not
/// say any is let through: its kernels look at the handles that they get.
#[cfg(any(feature = "cuda", test))]
pub(crate) fn other_layout(ptx: &str) -> Option<u32> {
    byte_lists(ptx).find_map(|bytes| {
        perdix_core::layout_versions(&bytes).find(|version| *version != perdix_core::VERSION)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose marker names a version.
    fn module(version: u32) -> String {
        let marker = format!("\u{1}perdix-layout {version:010}\u{4}");
        let list: Vec<String> = marker.bytes().map(|byte| byte.to_string()).collect();
        format!(
            ".version 6.3\n.global .align 8 .u64 table[2] = {{5, 70000}};\n\
             .global .align 1 .b8 _RNv_LAYOUT[{}] = {{{}}};\n.visible .entry k()\n{{\n}}\n",
            list.len(),
            list.join(", ")
        )
    }

    #[test]
    fn a_module_of_this_version_is_accepted() {
        assert_eq!(other_layout(&module(perdix_core::VERSION)), None);
        assert_eq!(other_layout(".version 6.3\n.visible .entry k()\n{\n}\n"), None);
    }

    #[test]
    fn a_module_of_another_version_is_named() {
        for version in [0, perdix_core::VERSION - 1, perdix_core::VERSION + 1, u32::MAX] {
            assert_eq!(other_layout(&module(version)), Some(version));
        }
        // One kernel of several is enough.
        let both = module(perdix_core::VERSION) + &module(9);
        assert_eq!(other_layout(&both), Some(9));
    }
}
