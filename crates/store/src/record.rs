//! The form of a record, whatever store it lies in: a header, and a value as JSON.
//!
//! | bytes | content |
//! | --- | --- |
//! | 4 | `bspk` |
//! | 1 | format, now 1 |
//! | 8 | BLAKE3 of the key's length (u64, little-endian), the key and the JSON, cut to 8 bytes |
//! | 8 | length of the JSON (u64, little-endian) |
//! | the rest | JSON |
//!
//! The checksum covers the key, so that a record under another record's key is noticed, too.

use serde::{Serialize, de::DeserializeOwned};

use crate::{StoreError, key::Key};

/// The latest format of records and of the store as a whole.
pub(crate) const FORMAT: u8 = 1;

const MAGIC: &[u8; 4] = b"bspk";

/// The record of a value.
pub(crate) fn encode<T: Serialize + DeserializeOwned>(
    key: &Key,
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    let not_storable = |error: serde_json::Error| StoreError::NotStorable {
        key: key.to_string(),
        reason: error.to_string(),
    };
    let json = serde_json::to_vec(value).map_err(not_storable)?;
    // JSON writes a number that is not finite as `null`; better to fail now than when it is needed.
    serde_json::from_slice::<T>(&json).map_err(not_storable)?;
    let mut record = MAGIC.to_vec();
    record.push(FORMAT);
    record.extend(checksum(key, &json));
    record.extend((json.len() as u64).to_le_bytes());
    record.extend(json);
    Ok(record)
}

/// The value of a record.
pub(crate) fn decode<T: DeserializeOwned>(key: &Key, record: &[u8]) -> Result<T, StoreError> {
    let value = body(key, record).and_then(|json| {
        serde_json::from_slice(json)
            .map_err(|error| format!("its content is not understood: {error}"))
    });
    value.map_err(|reason| StoreError::Record {
        key: key.to_string(),
        reason,
    })
}

/// The JSON of a record whose header is right.
fn body<'a>(key: &Key, record: &'a [u8]) -> Result<&'a [u8], String> {
    let cut_short = || format!("it is cut short: {} bytes are left", record.len());
    let (magic, rest) = record.split_first_chunk().ok_or_else(cut_short)?;
    if magic != MAGIC {
        return Err("it does not begin as a record does".to_owned());
    }
    let (format, rest) = rest.split_first().ok_or_else(cut_short)?;
    if *format != FORMAT {
        return Err(format!(
            "it has format {format}, this version reads format {FORMAT}"
        ));
    }
    let (sum, rest) = rest.split_first_chunk::<8>().ok_or_else(cut_short)?;
    let (length, json) = rest.split_first_chunk().ok_or_else(cut_short)?;
    if u64::from_le_bytes(*length) != json.len() as u64 {
        return Err(cut_short());
    }
    if *sum != checksum(key, json) {
        return Err("its checksum is wrong".to_owned());
    }
    Ok(json)
}

fn checksum(key: &Key, json: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.bytes().len() as u64).to_le_bytes());
    hasher.update(key.bytes());
    hasher.update(json);
    let hash = hasher.finalize();
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::study(&"digits".parse().expect("it is a name"))
    }

    fn record() -> Vec<u8> {
        encode(&key(), &vec![0.1, 5e-324, 123_456_789.123_456_7]).expect("plain data")
    }

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let hard = [0.1 + 0.2, 5e-324, f64::MAX, 2.225_073_858_507_201e-308];
        let record = encode(&key(), &hard).expect("plain data");
        let back: [f64; 4] = decode(&key(), &record).expect("just written");
        assert_eq!(back.map(f64::to_bits), hard.map(f64::to_bits));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        for position in 0..record().len() {
            let mut spoiled = record();
            spoiled[position] ^= 0x20;
            let error = decode::<Vec<f64>>(&key(), &spoiled).expect_err("it is spoiled");
            let text = error.to_string();
            assert!(
                text.starts_with("the stored study `digits` cannot be read: "),
                "{text}"
            );
        }
    }

    #[test]
    fn every_lost_end_is_noticed() {
        for length in 0..record().len() {
            assert!(decode::<Vec<f64>>(&key(), &record()[..length]).is_err());
        }
    }

    #[test]
    fn record_under_another_key_is_noticed() {
        let other = Key::study(&"other".parse().expect("it is a name"));
        assert!(decode::<Vec<f64>>(&other, &record()).is_err());
    }

    #[test]
    fn number_that_json_cannot_hold_is_refused_when_it_is_put() {
        let error = encode(&key(), &vec![f64::NAN]).expect_err("it is not a number");
        assert!(matches!(error, StoreError::NotStorable { .. }), "{error}");
    }

    #[test]
    fn sound_record_of_something_else_is_an_error_that_names_it() {
        let error = decode::<String>(&key(), &record()).expect_err("it is a list");
        assert!(error.to_string().contains("study `digits`"), "{error}");
    }
}
