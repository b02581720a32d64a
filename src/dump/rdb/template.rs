//! Field names that hashes share.
//!
//! Opcode 242 defines them under an id, and hashes of types 30 and 32 refer to it: the only state of a dump that reaches
//! from one record into another.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::CompactForm;
use super::compact::{Container, Entries, Listpack};
use super::cursor::Cursor;
use super::error::{Error, ErrorKind, Snippet, wide};
use super::integer::IntText;
use super::visitor::{Element, Place, element};

/// Memory that the templates of one file may take.
const MOST_BYTES: usize = 1 << 28;

/// Memory that is counted for a field besides its name.
const PER_FIELD: usize = size_of::<(Place, usize)>();

/// The fields of one template, in the order of the values.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// All names, one after the other.
    names: Vec<u8>,
    /// Where each is in the file, and where it ends in `names`.
    fields: Vec<(Place, usize)>,
}

impl Template {
    /// Number of fields.
    pub fn len(&self) -> u64 {
        wide(self.fields.len())
    }

    /// The fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Element<'_>> {
        let mut start = 0;
        self.fields.iter().map(move |&(at, end)| {
            let bytes = self.names.get(start..end).unwrap_or_default();
            start = end;
            Element { bytes, at }
        })
    }

    fn size(&self) -> usize {
        self.names.len().saturating_add(self.fields.len().saturating_mul(PER_FIELD))
    }

    fn push(&mut self, field: Element<'_>, start: &Cursor<'_>, cap: usize) -> Result<(), Error> {
        self.names.extend_from_slice(field.bytes);
        self.fields.push((field.at, self.names.len()));
        if self.size() > cap { Err(start.fail(ErrorKind::TemplateCap(wide(MOST_BYTES)))) } else { Ok(()) }
    }

    /// Reads `n` and that many names.
    pub fn read_names(cursor: &mut Cursor<'_>, cap: usize) -> Result<Self, Error> {
        let start = *cursor;
        let n = cursor.length()?;
        cursor.fits("fields of a hash template", n, 1)?;
        let mut template = Self::default();
        let mut room = Vec::new();
        for _ in 0..n {
            let at = *cursor;
            let bytes = cursor.string()?.decode(&mut room).map_err(|kind| at.fail(kind))?;
            template.push(Element { bytes, at: Place::whole(wide(at.position())) }, &start, cap)?;
        }
        template.check(&start)
    }

    /// Reads a listpack of names.
    fn read_listpack(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let start = *cursor;
        let mut room = Vec::new();
        let pack = Container::open(cursor.string()?, start.position(), CompactForm::Listpack, &mut room)?;
        let mut template = Self::default();
        let mut text = IntText::new();
        let mut entries = Listpack::new(pack.bytes).map_err(|fault| fault.at(pack.at))?;
        while let Some(packed) = entries.next_entry().map_err(|fault| fault.at(pack.at))? {
            template.push(element(pack.at, packed, &mut text), &start, MOST_BYTES)?;
        }
        template.check(&start)
    }

    /// Reads the fields that types 29 and 31 bring along.
    pub fn read_inline(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let start = *cursor;
        match cursor.length()? {
            0 => Self::read_listpack(cursor),
            1 => Self::read_names(cursor, MOST_BYTES),
            format => Err(start.fail(ErrorKind::TemplateFormat(format))),
        }
    }

    /// Refuses a template without fields or with one twice. Servers also want them in an order; it does not matter here,
    /// since values are told apart by position.
    fn check(self, start: &Cursor<'_>) -> Result<Self, Error> {
        if self.fields.is_empty() {
            return Err(start.fail(ErrorKind::TemplateEmpty));
        }
        let mut names: Vec<&[u8]> = self.fields().map(|field| field.bytes).collect();
        names.sort_unstable();
        let twice = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next);
        if let Some((name, _)) = twice {
            return Err(start.fail(ErrorKind::TemplateField(Snippet::of(name))));
        }
        Ok(self)
    }
}

/// The templates of a file that have been read so far.
///
/// It is shared with values that may be visited later and elsewhere. Each template knows where it was defined, so that
/// what a value finds here does not depend on how far the walk has come in the meantime.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    templates: RwLock<HashMap<u64, (usize, Arc<Template>)>>,
}

impl Registry {
    /// Reads the operands of opcode 242 and returns the id and the number of fields. `used` counts the memory of all.
    pub fn define(&self, cursor: &mut Cursor<'_>, used: &mut usize) -> Result<(u64, u64), Error> {
        let start = *cursor;
        let id = cursor.length()?;
        let template = Template::read_names(cursor, MOST_BYTES.saturating_sub(*used))?;
        let fields = template.len();
        *used = used.saturating_add(template.size());
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        if templates.insert(id, (start.position(), Arc::new(template))).is_some() {
            return Err(start.fail(ErrorKind::TemplateRepeated(id)));
        }
        Ok((id, fields))
    }

    /// The template with an id, if it was defined before the file offset `before`.
    pub fn get(&self, id: u64, before: usize) -> Option<Arc<Template>> {
        let templates = self.templates.read().unwrap_or_else(PoisonError::into_inner);
        let (defined, template) = templates.get(&id)?;
        (*defined < before).then(|| Arc::clone(template))
    }
}
