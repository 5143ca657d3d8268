//! Lists raw events that lie in an object store that speaks S3, without reading them.
//!
//! Does not know what they are. Where the store is and who asks is said by the `AWS_…` variables of the environment.
//!
//! **Invariant**: what was put in the place of an object has another size or tag, so that it is another listing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::ClusterError;

/// How an address in such a store begins.
const SCHEME: &str = "s3://";

/// Parquet in a store.
pub(crate) struct Listing {
    /// Its address: that of one object, or with `/` at the end of all that begin so.
    pub(crate) path: PathBuf,
    /// What is known of each object, by its key.
    pub(crate) objects: BTreeMap<String, Object>,
}

/// What tells, without reading it, that an object was replaced.
#[derive(Serialize)]
pub(crate) struct Object {
    size: u64,
    tag: Option<String>,
}

/// Whether `path` is an address in a store.
pub(crate) fn is_address(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with(SCHEME))
}

/// The Parquet at `path`, an address: one object, or those in a folder.
pub(crate) fn list(path: &Path) -> Result<Listing, ClusterError> {
    let text = path.to_string_lossy();
    let address = text.strip_prefix(SCHEME).unwrap_or_default().trim_end_matches('/');
    let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
    let failed = |reason: String| ClusterError::NotReady {
        reason: format!("cannot list `{text}`: {reason}"),
        hint: "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION` say who asks; `AWS_ENDPOINT`, with \
               `AWS_ALLOW_HTTP=true` for `http://`, where, if not Amazon"
            .to_owned(),
    };
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
    let store = store.map_err(|error| failed(error.to_string()))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
    let found: Result<_, object_store::Error> = runtime.block_on(async {
        let key = Key::from(key);
        let found = store.list_with_delimiter(Some(&key)).await?.objects;
        match found.is_empty() {
            true => Ok((false, vec![store.head(&key).await?])),
            false => Ok((true, found)),
        }
    });
    let (is_folder, found) = found.map_err(|error| failed(error.to_string()))?;
    let is_parquet = |object: &ObjectMeta| object.location.extension().is_some_and(|end| end == "parquet");
    let objects: BTreeMap<String, Object> = found
        .into_iter()
        .filter(|object| object.size > 0 && is_parquet(object))
        .map(|object| (object.location.to_string(), Object { size: object.size, tag: object.e_tag }))
        .collect();
    if objects.is_empty() {
        return Err(failed("it has no Parquet".to_owned()));
    }
    let slash = if is_folder { "/" } else { "" };
    Ok(Listing { path: PathBuf::from(format!("{SCHEME}{address}{slash}")), objects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_path() {
        assert!(is_address(Path::new("s3://shop/events")));
        assert!(!is_address(Path::new("lake/s3/events")));
    }
}
