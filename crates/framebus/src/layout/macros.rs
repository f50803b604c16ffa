//! The macro that declares a structure of the segment.

/// One row of the rendered layout.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) offset: usize,
    pub(crate) size: usize,
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) doc: &'static [&'static str],
}

/// Declares a `repr(C)` structure with its offsets written out, checks them, and keeps the rows for `docs/layout.md`.
macro_rules! layout {
    (
        $(#[doc = $structure_doc:literal])+
        struct $name:ident [$size:expr] {
            $( $(#[doc = $doc:literal])+ $offset:literal $field:ident : $kind:ty, )+
        }
    ) => {
        $(#[doc = $structure_doc])+
        #[repr(C)]
        #[derive(Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $doc])+ pub(crate) $field: $kind, )+
        }

        impl $name {
            /// The rows of `docs/layout.md`.
            pub(crate) const FIELDS: &'static [$crate::layout::macros::Field] = &[
                $( $crate::layout::macros::Field {
                    offset: $offset,
                    size: size_of::<$kind>(),
                    name: stringify!($field),
                    kind: stringify!($kind),
                    doc: &[$($doc),+],
                }, )+
            ];
            /// What the structure is, for `docs/layout.md`.
            pub(crate) const ABOUT: &'static [&'static str] = &[$($structure_doc),+];
        }

        const _: () = {
            assert!(size_of::<$name>() == $size);
            $( assert!(std::mem::offset_of!($name, $field) == $offset); )+
        };
    };
}
