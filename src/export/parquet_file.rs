//! A Parquet file, row group by row group.
//!
//! The columns of a row group are encoded and compressed side by side, in memory, while their rows come in; a row group
//! ends when its rows took so many bytes before that, so memory does not depend on the dump. The schema stands at the end
//! of the file: whether a column of bytes is text is decided there, when all of it has been seen.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor, Type};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::column::{Column, Holds};
use super::columns::{Bytes, Columns, Data};

/// A row group ends when its rows took this many bytes …
const GROUP_BYTES: usize = 64 << 20;
/// … or there are this many of them.
const GROUP_ROWS: usize = 1 << 20;
/// Of the least and the greatest value of a column only so many bytes are kept.
const STATISTICS_BYTES: usize = 64;
/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// Unix milliseconds of the years 1 and 10,000: between them is what all readers take for a time.
const TIMES: std::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;

/// A file that is being written.
pub(super) struct File<'o> {
    out: TrackedWrite<&'o mut (dyn Write + Send)>,
    columns: &'static [Column],
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    /// The columns of the row group that is under way.
    group: Vec<Leaf>,
    group_rows: usize,
    group_bytes: usize,
    groups: Vec<RowGroupMetaData>,
    /// By column: all of its bytes so far are UTF-8.
    is_text: Vec<bool>,
}

/// A column of the row group that is under way.
struct Leaf {
    writer: ColumnWriter<'static>,
    pages: Pages,
}

/// The finished pages of a column.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes pages to memory.
struct Memory(TrackedWrite<Pages>);

impl PageWriter for Memory {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec, ParquetError> {
        SerializedPageWriter::new(&mut self.0).write_page(page)
    }

    fn close(&mut self) -> Result<(), ParquetError> {
        Ok(self.0.flush()?)
    }
}

impl<'o> File<'o> {
    pub fn new(out: &'o mut (dyn Write + Send), columns: &'static [Column]) -> io::Result<Self> {
        let mut out = TrackedWrite::new(out);
        out.write_all(MAGIC)?;
        let all_text = vec![true; columns.len()];
        Ok(Self {
            out,
            columns,
            schema: schema(columns, &all_text)?,
            properties: properties(columns)?,
            group: Vec::new(),
            group_rows: 0,
            group_bytes: 0,
            groups: Vec::new(),
            is_text: all_text,
        })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: Columns) -> io::Result<()> {
        if self.group.is_empty() {
            let leaves = self.schema.columns().iter().map(|column| {
                let pages = Pages::default();
                let memory = Box::new(Memory(TrackedWrite::new(pages.clone())));
                Leaf { writer: get_column_writer(column.clone(), self.properties.clone(), memory), pages }
            });
            self.group = leaves.collect();
        }
        self.group_rows = self.group_rows.saturating_add(rows.rows());
        self.group_bytes = self.group_bytes.saturating_add(rows.bytes());
        for (all, data) in self.is_text.iter_mut().zip(&rows.data) {
            *all = *all && !matches!(data, Data::Bytes(Bytes { is_text: false, .. }));
        }
        // A time is two columns.
        let leaves: Vec<Cells> = rows.data.into_iter().zip(self.columns).flat_map(cells).collect();
        self.group.par_iter_mut().zip(leaves).try_for_each(|(leaf, cells)| leaf.write(cells)).map_err(plain)?;
        if self.group_rows >= GROUP_ROWS || self.group_bytes >= GROUP_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> io::Result<()> {
        let leaves = std::mem::take(&mut self.group);
        if leaves.is_empty() {
            return Ok(());
        }
        (self.group_rows, self.group_bytes) = (0, 0);
        let ended: Vec<(ColumnCloseResult, Pages)> = leaves
            .into_par_iter()
            .map(|leaf| Ok((leaf.writer.close()?, leaf.pages)))
            .collect::<Result<_, _>>()
            .map_err(plain)?;
        let number = i32::try_from(self.groups.len()).map_err(|_| io::Error::other("too many row groups"))?;
        let (schema, properties) = (self.schema.clone(), self.properties.clone());
        let mut group = SerializedRowGroupWriter::new(schema, properties, &mut self.out, number, None);
        for (close, pages) in ended {
            let bytes = std::mem::take(&mut *pages.0.lock().unwrap_or_else(PoisonError::into_inner));
            group.append_column(&bytes::Bytes::from(bytes), close).map_err(plain)?;
        }
        self.groups.push(group.close().map_err(plain)?.as_ref().clone());
        Ok(())
    }

    /// Writes what is left, and the end of the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.end_group()?;
        let created_by = Some(self.properties.created_by().to_owned());
        let rows = self.groups.iter().map(RowGroupMetaData::num_rows).sum();
        let notes = self.properties.key_value_metadata().cloned();
        let schema = schema(self.columns, &self.is_text)?;
        let version = self.properties.writer_version().as_num();
        let file = FileMetaData::new(version, rows, created_by, notes, schema, None);
        let metadata = ParquetMetaData::new(file, self.groups);
        // It writes the magic, too; what it has buffered is written when it is dropped, and then a fault would be lost.
        let mut footer = TrackedWrite::new(Vec::new());
        ParquetMetaDataWriter::new_with_tracked(TrackedWrite::new(&mut footer), &metadata).finish().map_err(plain)?;
        self.out.write_all(&footer.into_inner().map_err(plain)?)?;
        self.out.flush()
    }
}

/// The values of one column of the file.
enum Cells {
    Small(Vec<i32>, Vec<i16>),
    Large(Vec<i64>, Vec<i16>),
    Score(Vec<f64>, Vec<i16>),
    Bytes(Bytes),
}

/// The columns of the file that a column of the table is.
fn cells((data, column): (Data, &Column)) -> Vec<Cells> {
    match data {
        Data::Small(data) => vec![Cells::Small(data.values, data.levels)],
        Data::Score(data) => vec![Cells::Score(data.values, data.levels)],
        Data::Bytes(bytes) => vec![Cells::Bytes(bytes)],
        Data::Count(data) if column.holds == Holds::Time => {
            let mut values = data.values.iter();
            let mut at = Vec::with_capacity(data.values.len());
            let levels = data.levels.iter().map(|level| {
                let time = (*level == 1).then(|| values.next()).flatten().filter(|time| TIMES.contains(time));
                at.extend(time);
                i16::from(time.is_some())
            });
            let levels = levels.collect();
            vec![Cells::Large(data.values, data.levels), Cells::Large(at, levels)]
        }
        Data::Count(data) => vec![Cells::Large(data.values, data.levels)],
    }
}

impl Leaf {
    fn write(&mut self, cells: Cells) -> Result<(), ParquetError> {
        let written = match (&mut self.writer, cells) {
            (ColumnWriter::Int32ColumnWriter(out), Cells::Small(values, levels)) => {
                out.write_batch(&values, Some(&levels), None)
            }
            (ColumnWriter::Int64ColumnWriter(out), Cells::Large(values, levels)) => {
                out.write_batch(&values, Some(&levels), None)
            }
            (ColumnWriter::DoubleColumnWriter(out), Cells::Score(values, levels)) => {
                out.write_batch(&values, Some(&levels), None)
            }
            (ColumnWriter::ByteArrayColumnWriter(out), Cells::Bytes(bytes)) => {
                let all = bytes::Bytes::from(bytes.bytes);
                let starts = std::iter::once(0).chain(bytes.ends.iter().copied());
                let values = starts.zip(&bytes.ends).map(|(start, &end)| ByteArray::from(all.slice(start..end)));
                out.write_batch(&values.collect::<Vec<_>>(), Some(&bytes.levels), None)
            }
            _ => Err(ParquetError::General("a column of another type".to_owned())),
        };
        written.map(|_| ())
    }
}

/// The schema, with these columns of bytes as text.
fn schema(columns: &[Column], is_text: &[bool]) -> io::Result<SchemaDescPtr> {
    let mut fields = Vec::new();
    let mut field = |name: &str, physical: Physical, logical: Option<LogicalType>| {
        let built = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(built));
        Ok::<(), ParquetError>(())
    };
    for (column, is_text) in columns.iter().zip(is_text) {
        let name = column.name;
        match column.holds {
            Holds::Small => field(name, Physical::INT32, None),
            Holds::Count => field(name, Physical::INT64, None),
            Holds::Position => field(name, Physical::INT64, Some(LogicalType::integer(64, false))),
            Holds::Score => field(name, Physical::DOUBLE, None),
            Holds::Time => field(name, Physical::INT64, None).and_then(|()| {
                let time = LogicalType::timestamp(true, TimeUnit::MILLIS);
                field(name.trim_end_matches("_ms"), Physical::INT64, Some(time))
            }),
            Holds::Word | Holds::Repeated | Holds::Bytes => {
                field(name, Physical::BYTE_ARRAY, is_text.then_some(LogicalType::String))
            }
            Holds::Binary => field(name, Physical::BYTE_ARRAY, None),
        }
        .map_err(plain)?;
    }
    let root = Type::group_type_builder("rdb_reindex").with_fields(fields).build().map_err(plain)?;
    Ok(Arc::new(SchemaDescriptor::new(Arc::new(root))))
}

fn properties(columns: &[Column]) -> io::Result<WriterPropertiesPtr> {
    let level = ZstdLevel::try_new(3).map_err(plain)?;
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("rdb-reindex version {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![KeyValue::new("rdb-reindex.format_version".to_owned(), "1".to_owned())]))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_offset_index_disabled(true);
    for column in columns {
        if column.holds == Holds::Bytes {
            // Mostly different: a dictionary would be given up after a megabyte.
            builder = builder.set_column_dictionary_enabled(ColumnPath::from(column.name), false);
        }
    }
    Ok(Arc::new(builder.build()))
}

/// What the output said, and not what it is wrapped in.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
