//! Enumerations whose variants are values of a metric's label, and rows of a table in docs/metrics.md.

/// Defines one: its documented variants, each with the value of the label.
macro_rules! labelled {
    (
        $(#[$meta:meta])+
        pub enum $type:ident, $label:literal {
            $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])+
        #[repr(u8)]
        pub enum $type {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $type {
            /// Every one, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[doc = concat!("The value of the `", $label, "` label in metrics.")]
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it stands for: its documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

pub(crate) use labelled;
