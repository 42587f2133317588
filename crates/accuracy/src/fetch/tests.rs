use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

/// MD5 sum of `hello`.
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

/// Answers the next request with the bytes given and closes the connection; yields the path asked for.
fn server(answer: Vec<u8>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        while !lines.next().unwrap().unwrap().is_empty() {}
        stream.write_all(&answer).unwrap();
        request.split(' ').nth(1).unwrap().to_owned()
    });
    (address, served)
}

fn answer(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn agent() -> Agent {
    Agent::config_builder().proxy(None).build().new_agent()
}

fn download(address: SocketAddr, md5: &'static str) -> Download {
    Download {
        url: format!("http://{address}/file.gz"),
        md5,
        files: vec!["file.gz"],
        archive: false,
    }
}

fn files(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What becomes of one download, and what it leaves behind.
fn fetched(answer: Vec<u8>, md5: &'static str) -> (Result<(), String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (address, served) = server(answer);
    let result = fetch_all(&agent(), &[download(address, md5)], folder.path());
    assert_eq!(served.join().unwrap(), "/file.gz");
    let text = |error: FetchError| {
        let text = error.to_string();
        text.replace(&address.to_string(), "HOST")
            .replace(&folder.path().display().to_string(), "FOLDER")
    };
    (result.map_err(text), files(&folder))
}

#[test]
fn file_with_the_right_checksum_is_kept_under_its_name() {
    let (result, files) = fetched(answer("200 OK", 5, b"hello"), HELLO);
    assert_eq!((result, files), (Ok(()), vec!["file.gz".to_owned()]));
}

#[test]
fn wrong_checksum_leaves_nothing_behind() {
    let (result, files) = fetched(answer("200 OK", 5, b"hallo"), HELLO);
    assert_eq!(
        result.unwrap_err(),
        "http://HOST/file.gz has the MD5 sum 598d4c200461b81522a3328565c25f7c, \
         5d41402abc4b2a76b9719d911017c592 expected; nothing was kept"
    );
    assert!(files.is_empty());
}

#[test]
fn cut_connection_leaves_nothing_behind() {
    let (result, files) = fetched(answer("200 OK", 500, b"hello"), HELLO);
    let error = result.unwrap_err();
    assert!(
        error.starts_with("the transfer of http://HOST/file.gz broke off after 5 bytes: "),
        "{error}"
    );
    assert!(files.is_empty());
}

#[test]
fn missing_file_says_what_to_do_by_hand() {
    let (result, files) = fetched(answer("404 Not Found", 0, b""), HELLO);
    assert_eq!(
        result.unwrap_err(),
        "http://HOST/file.gz answers with status 404; without it, put file.gz into FOLDER by hand"
    );
    assert!(files.is_empty());
}

#[test]
fn server_that_is_not_there_says_what_to_do_by_hand() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_all(&agent(), &[download(address, HELLO)], folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot reach http://{address}/file.gz (")),
        "{text}"
    );
    let folder = folder.path().display();
    assert!(
        text.ends_with(&format!("put file.gz into {folder} by hand")),
        "{text}"
    );
}

#[test]
fn file_that_is_there_is_not_downloaded_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.gz"), "hello").unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    fetch_all(&agent(), &[download(nobody, HELLO)], folder.path()).unwrap();
    // One that is damaged is.
    std::fs::write(folder.path().join("file.gz"), "hel").unwrap();
    assert!(fetch_all(&agent(), &[download(nobody, HELLO)], folder.path()).is_err());
}

/// An archive of regular files, their names written without any check.
fn archive(entries: &[(&str, &str)]) -> File {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    io::Seek::rewind(&mut file).unwrap();
    file
}

fn unpacked(entries: &[(&str, &str)]) -> (Result<(), String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let result = archive::unpack("URL", archive(entries), &["a.bin", "b.bin"], folder.path());
    (result.map_err(|error| error.to_string()), files(&folder))
}

#[test]
fn wanted_files_are_taken_out_of_an_archive() {
    let (result, files) = unpacked(&[
        ("in/a.bin", "1"),
        ("in/readme.html", "2"),
        ("in/b.bin", "3"),
    ]);
    assert_eq!(result, Ok(()));
    assert_eq!(files, ["a.bin", "b.bin"]);
}

#[test]
fn archive_that_reaches_outside_is_refused() {
    for name in ["../a.bin", "/etc/a.bin", "in/../../a.bin"] {
        let (result, files) = unpacked(&[("in/b.bin", "1"), (name, "2")]);
        assert_eq!(
            result,
            Err(format!("the archive URL: {name} lies outside of it"))
        );
        assert!(files.is_empty());
    }
}

#[test]
fn archive_without_a_wanted_file_leaves_nothing_behind() {
    let (result, files) = unpacked(&[("in/a.bin", "1")]);
    assert_eq!(
        result,
        Err("the archive URL: b.bin is not in it".to_owned())
    );
    assert!(files.is_empty());
}

#[test]
fn every_data_set_has_its_files() {
    let folder = tempfile::tempdir().unwrap();
    fetch(DataSetName::Digits, folder.path()).unwrap();
    assert!(files(&folder).is_empty());
    let count = |name| downloads(name).iter().map(|d| d.files.len()).sum::<usize>();
    assert_eq!(DataSetName::ALL.map(count), [0, 4, 4, 6]);
    for download in DataSetName::ALL.into_iter().flat_map(downloads) {
        assert_eq!(download.md5.len(), 32, "{}", download.url);
    }
}
