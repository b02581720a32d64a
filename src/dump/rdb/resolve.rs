//! Finding an element again by its place.

use super::compact::{self, Container};
use super::cursor::Cursor;
use super::error::{Error, wide};
use super::integer::IntText;
use super::visitor::Place;
use super::{CompactForm, Flavor, ValueType};

/// Finds elements by the places that a visit told.
///
/// It keeps the last compact form that had to be expanded: places of one collection, one after the other, cost one
/// expansion for each of its forms.
#[derive(Debug)]
pub struct Resolver<'a> {
    file: &'a [u8],
    flavor: Flavor,
    pack: Vec<u8>,
    /// File offset of the string that `pack` holds, and its length.
    held: Option<(u64, usize)>,
}

impl<'a> Resolver<'a> {
    /// For places in `file`, which is the whole dump.
    pub fn new(file: &'a [u8], flavor: Flavor) -> Self {
        Self { file, flavor, pack: Vec::new(), held: None }
    }

    /// Flavor of the dump.
    pub fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// The element at `place` of a value of type `ty`, as the visit gave it.
    ///
    /// `out` is used where the bytes do not stand in the file as they are; its content is of no use to anybody else.
    /// Numbers of an array are no strings, and cannot be found in this way.
    pub fn resolve<'b>(&'b mut self, place: Place, ty: ValueType, out: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
        let form = ty.form().unwrap_or(CompactForm::Listpack);
        self.resolve_in(place, form, out)
    }

    /// The element at `place`, whose compact form, if it is in one, is `form`.
    pub fn resolve_in<'b>(
        &'b mut self,
        place: Place,
        form: CompactForm,
        out: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Error> {
        let offset = usize::try_from(place.string).unwrap_or(usize::MAX);
        let mut cursor = Cursor::new(self.file.get(offset..).unwrap_or_default(), offset);
        let whole = place.inner == Place::WHOLE;
        let held = self.held.filter(|(at, _)| !whole && *at == place.string);
        let bytes = match held {
            Some((_, len)) => self.pack.get(..len).unwrap_or_default(),
            None => {
                let string = cursor.string()?;
                if whole {
                    return string.decode(out).map_err(|kind| Error::at(offset, kind));
                }
                self.held = None;
                let plain = matches!(string, super::RawStr::Plain(_));
                let pack = Container::open(string, offset, form, &mut self.pack)?;
                if !plain {
                    self.held = Some((place.string, pack.bytes.len()));
                }
                pack.bytes
            }
        };
        let entry = match form {
            CompactForm::Intset => compact::Intset::at(bytes, place.inner),
            CompactForm::Ziplist => compact::Ziplist::at(bytes, place.inner),
            CompactForm::Listpack => compact::Listpack::at(bytes, place.inner),
            CompactForm::Zipmap => compact::Zipmap::at(bytes, place.inner),
        };
        match entry.map_err(|fault| fault.at(wide(offset)))? {
            compact::Entry::Text(text) => Ok(text),
            compact::Entry::Int(n) => {
                let mut text = IntText::new();
                out.clear();
                out.extend_from_slice(text.write(n));
                Ok(out)
            }
        }
    }
}
