//! A file's bytes as UTF-8: opened, sniffed, digested, decompressed, transcoded.

use std::io::{self, Chain, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::{CoderResult, Decoder, SHIFT_JIS, UTF_16BE, UTF_16LE};
use osusume_model::{Code, Fault, Result};
use osusume_storage::{Content, Fs, HashingFile, Metadata, ReadFile, carry, fault_in};

use crate::scan::ReadMore;
use crate::spec::{Container, Encoding};

/// Bytes read from the operating system at once.
const READ_BYTES: usize = 1 << 18;
/// First bytes by which other kinds of files are recognised.
const SNIFF_BYTES: usize = 16;
/// A stream may expand this much more than it is long: text never does (deflate cannot exceed 1032).
const MAX_EXPANSION: u64 = 1_100;
/// Below this expanded size the ratio says nothing.
const EXPANSION_FLOOR: u64 = 64 << 20;

/// A fault in a file.
pub(crate) fn in_file(code: Code, path: &Path) -> Fault {
    Fault::new(code).in_file(path.display().to_string())
}

/// Faults when an open file is no longer what it was when it was opened.
pub(crate) fn check_unchanged(file: &dyn ReadFile, before: Metadata, path: &Path) -> Result<()> {
    if file.metadata()? == before { Ok(()) } else { Err(in_file(Code::FileChanged, path)) }
}

/// What the first bytes of a file say it is, where they say anything.
pub(crate) fn sniff(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let tag = |word: &[u8]| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word);
    match head {
        [b'P', b'A', b'R', b'1' | b'E', ..] => Some("parquet"),
        [b'P', b'K', 3, 4, ..] => Some("zip or xlsx"),
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some("xls"),
        _ if tag(b"<!doctype") || tag(b"<html") || tag(b"<?xml") => Some("html or xml"),
        _ if tag(b"{") || tag(b"[{") => Some("json"),
        _ => None,
    }
}

/// Digest and length of what passed; shared, because decoders swallow the reader.
type Tally = Arc<Mutex<HashingFile<io::Sink>>>;

/// A file read from its start, hashed on the way.
struct TallyReader {
    file: Arc<dyn ReadFile>,
    at: u64,
    tally: Tally,
}

impl Read for TallyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.len() - self.at;
        let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.file.read_at(self.at, &mut buffer[..n]).map_err(carry)?;
        self.at += n as u64;
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).write_all(&buffer[..n])?;
        Ok(n)
    }
}

/// Reads a CSV file as UTF-8 text without a byte order mark.
pub(crate) struct Input {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    before: Metadata,
    tally: Tally,
    reader: Box<dyn Read + Send>,
    compressed: bool,
    stored: u64,
    expanded: u64,
    transcoder: Option<Decoder>,
    raw: Vec<u8>,
    ended: bool,
}

impl Input {
    pub(crate) fn open(fs: &dyn Fs, path: &Path, encoding: Option<Encoding>) -> Result<Self> {
        let container = Container::of(path).unwrap_or_else(|| Container::by_suffix(path));
        let file: Arc<dyn ReadFile> = Arc::from(fs.open_input(path)?);
        let before = file.metadata()?;
        let tally = Arc::new(Mutex::new(HashingFile::new(io::sink())));
        let reader = TallyReader { file: Arc::clone(&file), at: 0, tally: Arc::clone(&tally) };
        let mut reader = decompress(path, reader, container)?;
        let head = take_head(&mut reader, SNIFF_BYTES)
            .map_err(|error| damaged(path, container != Container::Plain, &error))?;
        check_text(path, &head, encoding)?;
        let mut input = Self {
            path: path.to_owned(),
            stored: file.len(),
            file,
            before,
            tally,
            reader: Box::new(Cursor::new(Vec::new())),
            compressed: container != Container::Plain,
            expanded: 0,
            transcoder: transcoder(encoding, &head),
            raw: vec![0; READ_BYTES],
            ended: false,
        };
        let skip = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.reader = Box::new(Cursor::new(head[skip..].to_vec()).chain(reader));
        Ok(input)
    }

    fn check_expansion(&mut self, n: usize) -> Result<()> {
        self.expanded += n as u64;
        if self.compressed && self.expanded > EXPANSION_FLOOR + MAX_EXPANSION * self.stored {
            let detail = format!("expands more than {MAX_EXPANSION} times");
            return Err(in_file(Code::CompressionDamaged, &self.path).because(detail));
        }
        Ok(())
    }

    /// How many of the file's bytes were taken, and how many there are.
    pub(crate) fn passed(&self) -> (u64, u64) {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        (tally.bytes(), self.stored)
    }

    /// Whether bytes were transcoded, so that U+FFFD stands for malformed ones.
    pub(crate) fn is_transcoded(&self) -> bool {
        self.transcoder.is_some()
    }

    /// Size and digest of the file as stored. Faults when it changed since it was opened.
    pub(crate) fn finish(&self) -> Result<Content> {
        check_unchanged(&*self.file, self.before, &self.path)?;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, content) = std::mem::replace(&mut *tally, HashingFile::new(io::sink())).finish();
        if content.bytes != self.file.len() {
            return Err(in_file(Code::FileChanged, &self.path));
        }
        Ok(content)
    }
}

impl ReadMore for Input {
    fn read_more(&mut self, out: &mut Vec<u8>) -> Result<usize> {
        let before = out.len();
        while !self.ended && out.len() == before {
            let n = loop {
                match self.reader.read(&mut self.raw) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(damaged(&self.path, self.compressed, &error)),
                    Ok(n) => break n,
                }
            };
            self.ended = n == 0;
            self.check_expansion(n)?;
            match &mut self.transcoder {
                None => out.extend_from_slice(&self.raw[..n]),
                Some(decoder) => transcode(decoder, &self.raw[..n], self.ended, out),
            }
        }
        Ok(out.len() - before)
    }
}

fn damaged(path: &Path, compressed: bool, error: &io::Error) -> Fault {
    if let Some(fault) = fault_in(error) {
        return fault;
    }
    in_file(if compressed { Code::CompressionDamaged } else { Code::FileUnreadable }, path).because(error)
}

type Reader = Chain<Cursor<Vec<u8>>, TallyReader>;

/// The decompressing reader, after a look at the container's magic.
fn decompress(path: &Path, mut reader: TallyReader, container: Container) -> Result<Box<dyn Read + Send>> {
    let head = take_head(&mut reader, 4).map_err(|error| damaged(path, false, &error))?;
    let expected = match container {
        Container::Gzip => "gzip",
        Container::Zstd => "zstd",
        Container::Plain | Container::Parquet => "csv",
    };
    let empty = head.is_empty();
    let found = sniff(&head);
    let reader: Reader = Cursor::new(head).chain(reader);
    if empty {
        return Err(in_file(Code::FileEmpty, path).with("what", "bytes"));
    }
    if expected != "csv" && found != Some(expected) {
        return Err(wrong_format(path, found.unwrap_or("something else"), expected));
    }
    Ok(match container {
        Container::Gzip => {
            Box::new(flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(READ_BYTES, reader)))
        }
        Container::Zstd => {
            Box::new(zstd::stream::read::Decoder::new(reader).map_err(|error| damaged(path, true, &error))?)
        }
        Container::Plain | Container::Parquet => Box::new(reader),
    })
}

fn wrong_format(path: &Path, found: &str, expected: &str) -> Fault {
    in_file(Code::WrongFormat, path).with("found", found).with("expected", expected)
}

/// Up to `n` first bytes.
fn take_head(reader: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(n);
    reader.by_ref().take(n as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Faults when the first bytes are those of something else than text in the declared encoding.
fn check_text(path: &Path, head: &[u8], encoding: Option<Encoding>) -> Result<()> {
    if let Some(found) = sniff(head) {
        return Err(wrong_format(path, found, "csv"));
    }
    let utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if utf16 && encoding != Some(Encoding::Utf16) {
        let declared = if encoding == Some(Encoding::Cp932) { "cp932" } else { "utf-8" };
        return Err(in_file(Code::WrongEncoding, path).with("encoding", declared).with("hint", "utf-16").at_byte(0));
    }
    Ok(())
}

fn transcoder(encoding: Option<Encoding>, head: &[u8]) -> Option<Decoder> {
    let encoding = match encoding? {
        Encoding::Utf8 => return None,
        Encoding::Cp932 => SHIFT_JIS,
        Encoding::Utf16 if head.starts_with(b"\xfe\xff") => UTF_16BE,
        Encoding::Utf16 => UTF_16LE,
    };
    Some(encoding.new_decoder_with_bom_removal())
}

fn transcode(decoder: &mut Decoder, mut raw: &[u8], last: bool, out: &mut Vec<u8>) {
    loop {
        let start = out.len();
        let room = decoder.max_utf8_buffer_length(raw.len()).unwrap_or(4 * raw.len() + 16);
        out.resize(start + room, 0);
        let (result, read, written, _) = decoder.decode_to_utf8(raw, &mut out[start..], last);
        out.truncate(start + written);
        raw = &raw[read..];
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use osusume_storage::RealFs;

    use super::*;

    fn read_all(name: &str, bytes: &[u8], encoding: Option<Encoding>) -> Result<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut input = Input::open(&RealFs, &path, encoding)?;
        let mut out = Vec::new();
        while input.read_more(&mut out)? > 0 {}
        assert_eq!(input.finish()?.bytes, bytes.len() as u64);
        Ok(out)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn code(name: &str, bytes: &[u8], encoding: Option<Encoding>) -> Code {
        read_all(name, bytes, encoding).unwrap_err().code()
    }

    #[test]
    fn containers_decode() {
        assert_eq!(read_all("a.csv", b"\xef\xbb\xbfa,b\n", None).unwrap(), b"a,b\n");
        let two_members = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(read_all("a.csv.gz", &two_members, None).unwrap(), b"a,b\n1,2\n");
        let frame = zstd::stream::encode_all(&b"a,b\n"[..], 1).unwrap();
        assert_eq!(read_all("a.csv.zst", &frame, None).unwrap(), b"a,b\n");
    }

    #[test]
    fn encodings_decode() {
        let (cp932, _, _) = SHIFT_JIS.encode("表,ソ,能\n");
        assert_eq!(read_all("a.csv", &cp932, Some(Encoding::Cp932)).unwrap(), "表,ソ,能\n".as_bytes());
        let utf16: Vec<u8> = "\u{feff}é,表\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read_all("a.csv", &utf16, Some(Encoding::Utf16)).unwrap(), "é,表\n".as_bytes());
        let utf16: Vec<u8> = "\u{feff}é,表\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read_all("a.csv", &utf16, Some(Encoding::Utf16)).unwrap(), "é,表\n".as_bytes());
        assert_eq!(code("a.csv", &utf16, None), Code::WrongEncoding);
    }

    #[test]
    fn what_is_something_else() {
        assert_eq!(code("a.csv", b"", None), Code::FileEmpty);
        for bytes in [&b"PK\x03\x04..."[..], b"PAR1....", b"<html>", b"{\"a\":1}", &gzip(b"a\n")] {
            assert_eq!(code("a.csv", bytes, None), Code::WrongFormat);
        }
        assert_eq!(code("a.csv.gz", b"a,b\n", None), Code::WrongFormat);
        let whole = gzip(b"a,b\n1,2\n");
        assert_eq!(code("a.csv.gz", &whole[..whole.len() - 3], None), Code::CompressionDamaged);
        assert_eq!(code("a.csv.gz", &[&whole[..], b"trailing garbage"].concat(), None), Code::CompressionDamaged);
        assert!(Input::open(&RealFs, Path::new("/dev/null"), None).is_err());
        assert!(Input::open(&RealFs, Path::new("/nonexistent.csv"), None).is_err());
    }
}
