//! Value types: the byte before a key.

use std::fmt;

use super::error::ErrorKind;
use super::{CompactForm, Flavor, Header, ModuleId};

macro_rules! value_types {
    ($($variant:ident $byte:literal $name:literal $kind:ident $encoding:literal $form:expr;)*) => {
        /// How a value is written, named as in `rdb.h`. Types without a confirmed layout have no variant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ValueType {
            $(#[doc = concat!("`", $name, "`, type ", stringify!($byte), ".")] $variant,)*
        }

        impl ValueType {
            /// Name in `rdb.h` without `RDB_TYPE_`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The type byte.
            pub fn byte(self) -> u8 {
                match self { $(Self::$variant => $byte,)* }
            }

            /// What a user sees.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// The form in the dump, in the words of `OBJECT ENCODING` where it has one.
            pub fn encoding(self) -> &'static str {
                match self { $(Self::$variant => $encoding,)* }
            }

            /// The compact form that holds the elements, for types that have one; a list node may still be plain.
            pub fn form(self) -> Option<CompactForm> {
                match self { $(Self::$variant => $form,)* }
            }
        }
    };
}

value_types! {
    String 0 "STRING" String "string" None;
    List 1 "LIST" List "linkedlist" None;
    Set 2 "SET" Set "hashtable" None;
    Zset 3 "ZSET" Zset "skiplist" None;
    Hash 4 "HASH" Hash "hashtable" None;
    Zset2 5 "ZSET_2" Zset "skiplist" None;
    Module2 7 "MODULE_2" Module "module" None;
    HashZipmap 9 "HASH_ZIPMAP" Hash "zipmap" Some(CompactForm::Zipmap);
    ListZiplist 10 "LIST_ZIPLIST" List "ziplist" Some(CompactForm::Ziplist);
    SetIntset 11 "SET_INTSET" Set "intset" Some(CompactForm::Intset);
    ZsetZiplist 12 "ZSET_ZIPLIST" Zset "ziplist" Some(CompactForm::Ziplist);
    HashZiplist 13 "HASH_ZIPLIST" Hash "ziplist" Some(CompactForm::Ziplist);
    ListQuicklist 14 "LIST_QUICKLIST" List "quicklist" Some(CompactForm::Ziplist);
    StreamListpacks 15 "STREAM_LISTPACKS" Stream "stream" Some(CompactForm::Listpack);
    HashListpack 16 "HASH_LISTPACK" Hash "listpack" Some(CompactForm::Listpack);
    ZsetListpack 17 "ZSET_LISTPACK" Zset "listpack" Some(CompactForm::Listpack);
    ListQuicklist2 18 "LIST_QUICKLIST_2" List "quicklist" Some(CompactForm::Listpack);
    StreamListpacks2 19 "STREAM_LISTPACKS_2" Stream "stream" Some(CompactForm::Listpack);
    SetListpack 20 "SET_LISTPACK" Set "listpack" Some(CompactForm::Listpack);
    StreamListpacks3 21 "STREAM_LISTPACKS_3" Stream "stream" Some(CompactForm::Listpack);
    HashMetadataPreGa 22 "HASH_METADATA_PRE_GA" Hash "hashtable" None;
    Hash2 22 "HASH_2" Hash "hashtable" None;
    HashListpackExPreGa 23 "HASH_LISTPACK_EX_PRE_GA" Hash "listpackex" Some(CompactForm::Listpack);
    HashMetadata 24 "HASH_METADATA" Hash "hashtable" None;
    HashListpackEx 25 "HASH_LISTPACK_EX" Hash "listpackex" Some(CompactForm::Listpack);
    StreamListpacks4 26 "STREAM_LISTPACKS_4" Stream "stream" Some(CompactForm::Listpack);
    StreamListpacks5 27 "STREAM_LISTPACKS_5" Stream "stream" Some(CompactForm::Listpack);
    Array 28 "ARRAY" Array "array" None;
    HashTmplLp 29 "HASH_TMPL_LP" Hash "template" Some(CompactForm::Listpack);
    HashTmplLpRef 30 "HASH_TMPL_LP_REF" Hash "template" Some(CompactForm::Listpack);
    HashTmplArray 31 "HASH_TMPL_ARRAY" Hash "template" Some(CompactForm::Listpack);
    HashTmplArrayRef 32 "HASH_TMPL_ARRAY_REF" Hash "template" Some(CompactForm::Listpack);
}

/// The versions that came with these types.
const SET_LISTPACK_SINCE: u32 = 11;
const GCRA_SINCE: u32 = 15;

impl ValueType {
    /// The type that `byte` is in a dump with this header.
    #[inline]
    pub(crate) fn from_byte(header: Header, byte: u8) -> Result<Self, ErrorKind> {
        Ok(match byte {
            0 => Self::String,
            1 => Self::List,
            2 => Self::Set,
            3 => Self::Zset,
            4 => Self::Hash,
            5 => Self::Zset2,
            7 => Self::Module2,
            9 => Self::HashZipmap,
            10 => Self::ListZiplist,
            11 => Self::SetIntset,
            12 => Self::ZsetZiplist,
            13 => Self::HashZiplist,
            14 => Self::ListQuicklist,
            15 => Self::StreamListpacks,
            16 => Self::HashListpack,
            17 => Self::ZsetListpack,
            18 => Self::ListQuicklist2,
            19 => Self::StreamListpacks2,
            20 if header.version >= SET_LISTPACK_SINCE => Self::SetListpack,
            21 => Self::StreamListpacks3,
            _ => return Self::from_late_byte(header, byte),
        })
    }

    /// Whether the fields of a hash of this type may have expiries of their own.
    pub fn has_field_expiries(self) -> bool {
        matches!(
            self,
            Self::HashMetadataPreGa
                | Self::HashListpackExPreGa
                | Self::HashMetadata
                | Self::HashListpackEx
                | Self::Hash2
        )
    }

    /// The version that the type came with, for the types whose byte other programs use for types of their own. Types up to
    /// 19, and 21, mean the same to everybody, and are read whatever the version says: Dragonfly writes 18 and 21 in version 9.
    fn since(self) -> u32 {
        match self {
            Self::SetListpack => SET_LISTPACK_SINCE,
            Self::HashMetadataPreGa | Self::HashListpackExPreGa | Self::HashMetadata | Self::HashListpackEx => 12,
            Self::StreamListpacks4 => 13,
            Self::StreamListpacks5 | Self::Array => 14,
            Self::HashTmplLp | Self::HashTmplLpRef | Self::HashTmplArray | Self::HashTmplArrayRef => 15,
            Self::Hash2 => 80,
            _ => 1,
        }
    }

    /// The types of Dragonfly's own, by the names in its `rdb_extensions.h`; it keeps 30 to 35 for them.
    pub(crate) fn of_dragonfly(byte: u8) -> Option<&'static str> {
        Some(match byte {
            20 => "JSON_OLD",
            30 => "JSON",
            31 => "HASH_WITH_EXPIRY",
            32 => "SET_WITH_EXPIRY",
            33 => "SBF",
            34 | 35 => "without a published name",
            _ => return None,
        })
    }

    /// The types that the two flavors do not share, those that are younger than the dump, and the bytes that are none.
    fn from_late_byte(Header { flavor, version }: Header, byte: u8) -> Result<Self, ErrorKind> {
        let unsupported = |name| Err(ErrorKind::Unsupported { byte, name });
        let ty = match (flavor, byte) {
            (_, 20) => Ok(Self::SetListpack),
            (Flavor::Redis, 33) if version < GCRA_SINCE => {
                return Err(ErrorKind::Younger { byte, name: "GCRA", since: GCRA_SINCE, version });
            }
            (Flavor::Redis, 22) => Ok(Self::HashMetadataPreGa),
            (Flavor::Redis, 23) => Ok(Self::HashListpackExPreGa),
            (Flavor::Redis, 24) => Ok(Self::HashMetadata),
            (Flavor::Redis, 25) => Ok(Self::HashListpackEx),
            (Flavor::Redis, 26) => Ok(Self::StreamListpacks4),
            (Flavor::Redis, 27) => Ok(Self::StreamListpacks5),
            (Flavor::Redis, 28) => Ok(Self::Array),
            (Flavor::Redis, 29) => Ok(Self::HashTmplLp),
            (Flavor::Redis, 30) => Ok(Self::HashTmplLpRef),
            (Flavor::Redis, 31) => Ok(Self::HashTmplArray),
            (Flavor::Redis, 32) => Ok(Self::HashTmplArrayRef),
            (Flavor::Redis, 33) => unsupported("GCRA"),
            (Flavor::Valkey, 22) => Ok(Self::Hash2),
            (Flavor::Valkey, 23) => unsupported("PATH_HASH"),
            (_, 6) => unsupported("MODULE_PRE_GA"),
            _ => Err(ErrorKind::UnknownType { byte, flavor }),
        }?;
        match ty.since() {
            since if since > version => Err(ErrorKind::Younger { byte, name: ty.name(), since, version }),
            _ => Ok(ty),
        }
    }
}

/// What a value is to a user, whatever its form in the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
    Module,
    Array,
}

impl Kind {
    /// What `TYPE` answers; for a module value it depends on the module, see [`super::Value::type_name`].
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::Array => "array",
        }
    }
}

/// What `TYPE` answers, of a module value too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TypeName {
    /// One of the server's own.
    Kind(Kind),
    /// The type name of a module.
    Module([u8; 9]),
}

impl TypeName {
    /// The type name of a module.
    pub(crate) fn of_module(id: ModuleId) -> Self {
        Self::Module(id.name())
    }

    /// The answer as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.name(),
            // The alphabet of module names is ASCII.
            Self::Module(name) => std::str::from_utf8(name).unwrap_or_default(),
        }
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
