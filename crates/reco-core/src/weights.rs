//! Holds the weights of a model: named tensors with their shapes, and as JSON whatever is no tensor.
//!
//! As bytes they are a file of safetensors (<https://huggingface.co/docs/safetensors>), which other languages read
//! without reco. Does not know files, nor what any tensor means.
//!
//! **Invariant**: equal weights give equal bytes. Any bytes give weights or an error, and no more memory is taken than
//! they are long; numbers that are read are finite, and nothing that a model did not ask for is left unread.

use std::borrow::Cow;
use std::collections::BTreeMap;

use half::f16;
use safetensors::{Dtype, SafeTensors, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Catalogue, LoadError};

/// The version of what models put in. Weights of another version are refused.
const FORMAT: u32 = 1;

/// The one key of the file's metadata, which would be in any order if there were several.
const KEY: &str = "reco";

/// What a model keeps of its training, or the state of a training; the default is a part with nothing in it yet, for
/// [`Weights::with_part`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    values: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Tensor>,
}

/// Numbers, little-endian, row by row.
#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A type of numbers that a tensor can have.
pub trait Number: Copy + PartialEq {
    /// What the format calls it.
    const DTYPE: Dtype;

    /// Adds its bytes to `bytes`, little-endian.
    fn write(self, bytes: &mut Vec<u8>);

    /// Reads numbers that [`Number::write`] wrote.
    fn read(bytes: &[u8]) -> Vec<Self>;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;
}

macro_rules! number {
    ($number:ident, $dtype:ident, $is_finite:expr) => {
        impl Number for $number {
            const DTYPE: Dtype = Dtype::$dtype;

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }

            fn is_finite(self) -> bool {
                let is_finite: fn(Self) -> bool = $is_finite;
                is_finite(self)
            }
        }
    };
}

number!(f64, F64, f64::is_finite);
number!(f32, F32, f32::is_finite);
number!(f16, F16, f16::is_finite);
number!(u64, U64, |_| true);
number!(u32, U32, |_| true);
number!(i64, I64, |_| true);
number!(i32, I32, |_| true);
number!(i8, I8, |_| true);

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn refused(reason: String) -> LoadError {
    LoadError::Weights { reason }
}

impl Weights {
    /// Those of `approach`, made for `catalogue`, with nothing in them yet.
    pub fn new(approach: &str, catalogue: &Catalogue) -> Self {
        Self { values: BTreeMap::new(), tensors: BTreeMap::new() }
            .with_value("approach", approach)
            .with_value("format", FORMAT)
            .with_value("n_users", catalogue.n_users())
            .with_value("n_items", catalogue.n_items())
    }

    /// Adds a tensor, row by row. Panics if there are not as many numbers as its shape says.
    #[must_use]
    pub fn with<T: Number>(mut self, name: &str, shape: &[usize], numbers: impl IntoIterator<Item = T>) -> Self {
        let mut bytes = Vec::new();
        numbers.into_iter().for_each(|number| number.write(&mut bytes));
        assert_eq!(bytes.len(), shape.iter().product::<usize>() * size_of::<T>(), "the numbers of `{name}`");
        self.tensors.insert(name.to_owned(), Tensor { dtype: T::DTYPE, shape: shape.to_vec(), bytes });
        self
    }

    /// Adds what is no tensor.
    #[must_use]
    pub fn with_value(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("values are keys, texts and numbers");
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Adds the weights of another model, whose names then begin with `name` and a point.
    #[must_use]
    pub fn with_part(mut self, name: &str, part: Self) -> Self {
        let inside = |key: &String| format!("{name}.{key}");
        self.values.extend(part.values.into_iter().map(|(key, value)| (inside(&key), value)));
        self.tensors.extend(part.tensors.into_iter().map(|(key, tensor)| (inside(&key), tensor)));
        self
    }

    /// As a file of safetensors.
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = serde_json::to_string(&self.values).expect("values are JSON");
        let metadata = [(KEY.to_owned(), values)].into_iter().collect();
        safetensors::serialize(&self.tensors, Some(metadata)).expect("a tensor has as many bytes as its shape says")
    }

    /// Reads what [`Weights::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LoadError::Weights`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let foreign = |reason: String| refused(format!("it is no file of weights: {reason}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| foreign(error.to_string()))?;
        let values = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let values = values.ok_or_else(|| foreign(format!("its metadata have no `{KEY}`")))?;
        let values = serde_json::from_str(values).map_err(|error| foreign(error.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| foreign(error.to_string()))?;
        let tensors = file.iter().map(|(name, view)| {
            let tensor = Tensor { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
            (name.to_owned(), tensor)
        });
        Ok(Self { values, tensors: tensors.collect() })
    }

    /// Has `read` take all that is in the weights of `approach`, made for a catalogue of this size.
    ///
    /// # Errors
    /// [`LoadError::Weights`] for weights of another approach, version or size of a catalogue, and where something is
    /// left; those of `read`.
    pub fn read<R>(
        mut self,
        approach: &str,
        catalogue: &Catalogue,
        read: impl FnOnce(&mut Self) -> Result<R, LoadError>,
    ) -> Result<R, LoadError> {
        let (found, format): (String, u32) = (self.take_value("approach")?, self.take_value("format")?);
        if found != approach || format != FORMAT {
            return Err(refused(format!("it is version `{format}` of `{found}`")));
        }
        let (n_users, n_items): (usize, usize) = (self.take_value("n_users")?, self.take_value("n_items")?);
        let expected = (catalogue.n_users(), catalogue.n_items());
        if (n_users, n_items) != expected {
            return Err(refused(format!(
                "it was made for `{n_users}` users and `{n_items}` items, and the catalogue has `{}` and `{}`",
                expected.0, expected.1
            )));
        }
        let made = read(&mut self)?;
        match self.names().next() {
            Some(name) => Err(refused(format!("it has `{name}`, which `{approach}` does not know"))),
            None => Ok(made),
        }
    }

    /// Takes out the numbers of a tensor of this shape.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if it is missing or of another shape or type, or if a number is not finite.
    pub fn take<T: Number>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<T>, LoadError> {
        let tensor = self.tensors.remove(name).ok_or_else(|| missing(name))?;
        if (tensor.dtype, &tensor.shape[..]) != (T::DTYPE, shape) {
            let (is, found, wanted) = (tensor.dtype, &tensor.shape, T::DTYPE);
            return Err(refused(format!("its `{name}` is `{is} {found:?}`, and should be `{wanted} {shape:?}`")));
        }
        let numbers = T::read(&tensor.bytes);
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(refused(format!("number `{at}` of its `{name}` is not finite"))),
            None => Ok(numbers),
        }
    }

    /// As [`Weights::take`], row by row.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub fn take_rows<T: Number>(&mut self, name: &str, n_rows: usize, width: usize) -> Result<Vec<Vec<T>>, LoadError> {
        let numbers = self.take(name, &[n_rows, width])?;
        Ok((0..n_rows).map(|row| numbers[row * width..][..width].to_vec()).collect())
    }

    /// Takes out a tensor that is a single number.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub fn take_one<T: Number>(&mut self, name: &str) -> Result<T, LoadError> {
        Ok(self.take(name, &[])?[0])
    }

    /// How many rows a tensor has: the first number of its shape.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if it is missing or has no rows.
    pub fn n_rows(&self, name: &str) -> Result<usize, LoadError> {
        self.tensors.get(name).and_then(|tensor| tensor.shape.first().copied()).ok_or_else(|| missing(name))
    }

    /// Takes out what is no tensor.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if it is missing or no `T`.
    pub fn take_value<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, LoadError> {
        let value = self.values.remove(name).ok_or_else(|| missing(name))?;
        serde_json::from_value(value).map_err(|error| refused(format!("its `{name}`: {error}")))
    }

    /// Has `read` take all of what [`Weights::with_part`] added.
    ///
    /// # Errors
    /// [`LoadError::Weights`] where something is left; those of `read`.
    pub fn read_part<R>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<R, LoadError>,
    ) -> Result<R, LoadError> {
        let mut part = self.take_part(name);
        let made = read(&mut part)?;
        match part.names().next() {
            Some(left) => Err(refused(format!("its part `{name}` has `{left}`, which nobody knows"))),
            None => Ok(made),
        }
    }

    /// What all tensors and values are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.tensors.keys().chain(self.values.keys())
    }

    /// Takes out what [`Weights::with_part`] added.
    #[must_use]
    pub fn take_part(&mut self, name: &str) -> Self {
        fn taken<T>(from: &mut BTreeMap<String, T>, start: &str) -> BTreeMap<String, T> {
            let (part, rest) = std::mem::take(from).into_iter().partition(|(key, _)| key.starts_with(start));
            *from = rest;
            let part: BTreeMap<String, T> = part;
            part.into_iter().map(|(key, of)| (key[start.len()..].to_owned(), of)).collect()
        }
        let start = format!("{name}.");
        Self { values: taken(&mut self.values, &start), tensors: taken(&mut self.tensors, &start) }
    }
}

fn missing(name: &str) -> LoadError {
    refused(format!("it has no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Train;

    /// Two users and three items.
    fn catalogue() -> std::sync::Arc<Catalogue> {
        Train::from_events([("ann", "Alien"), ("ann", "Brazil"), ("bob", "Casablanca")]).unwrap().catalogue
    }

    fn weights() -> Weights {
        Weights::new("x", &catalogue())
            .with("users.bias", &[2], [0.5_f64, -1.5])
            .with("items.embedding", &[3, 2], [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])
            .with("mean", &[], [f16::from_f32(3.5)])
            .with_value("seed", u64::MAX)
    }

    fn taken(weights: Weights) -> Result<(Vec<f64>, Vec<f32>, f16, u64), LoadError> {
        weights.read("x", &catalogue(), |from| {
            let numbers = (from.take("users.bias", &[2])?, from.take("items.embedding", &[3, 2])?);
            Ok((numbers.0, numbers.1, from.take_one("mean")?, from.take_value("seed")?))
        })
    }

    fn refusal(weights: Weights) -> String {
        taken(weights).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_is_read_and_equal_weights_are_equal_bytes() {
        let bytes = weights().to_bytes();
        assert_eq!(weights().to_bytes(), bytes);
        let (biases, embeddings, mean, seed) = taken(Weights::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!((biases, embeddings), (vec![0.5, -1.5], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!((mean.to_f32(), seed), (3.5, u64::MAX));
    }

    #[test]
    fn other_weights_are_refused_with_the_reason() {
        let without = |name: &str| {
            let mut weights = weights();
            weights.tensors.remove(name);
            weights.values.remove(name);
            weights
        };
        for (weights, expected) in [
            (without("mean"), "it has no `mean`"),
            (without("seed"), "it has no `seed`"),
            (without("approach"), "it has no `approach`"),
            (weights().with("more", &[0], [0_u32; 0]), "it has `more`, which `x` does not know"),
            (weights().with_value("approach", "y"), "it is version `1` of `y`"),
            (weights().with_value("format", 2), "it is version `2` of `x`"),
            (weights().with_value("n_items", 4), "it was made for `2` users and `4` items"),
            (weights().with_value("seed", "s"), "its `seed`: invalid type"),
            (weights().with("users.bias", &[1, 2], [0.5_f64, 1.0]), "is `F64 [1, 2]`, and should be `F64 [2]`"),
            (weights().with("users.bias", &[2], [0.5_f32, 1.0]), "is `F32 [2]`, and should be `F64 [2]`"),
            (weights().with("users.bias", &[2], [0.5_f64, f64::NAN]), "number `1` of its `users.bias` is not finite"),
        ] {
            let refusal = refusal(weights);
            assert!(refusal.contains(expected) && refusal.contains("\nhint: train again"), "{refusal}");
        }
    }

    #[test]
    fn bytes_that_are_no_weights_are_refused() {
        let bytes = weights().to_bytes();
        let others =
            safetensors::serialize([("a", &Tensor { dtype: Dtype::U8, shape: vec![1], bytes: vec![1] })], None);
        let cut = [0, 7, 8, 9, 100, bytes.len() - 1].map(|n| bytes[..n].to_vec());
        for bytes in cut.into_iter().chain([others.unwrap(), b"{\"approach\":\"x\"}".to_vec(), [0xff; 16].to_vec()]) {
            let refusal = Weights::from_bytes(&bytes).unwrap_err().to_string();
            assert!(refusal.contains("it is no file of weights: "), "{refusal}");
        }
    }

    #[test]
    fn a_part_is_taken_out_as_it_was_put_in() {
        let mut whole = Weights::new("auto", &catalogue()).with_part("one", weights()).with_part("on", weights());
        assert_eq!(whole.take_part("one"), weights());
        assert_eq!(whole.take_part("on"), weights());
        assert_eq!(whole, Weights::new("auto", &catalogue()));
        let mut whole = whole.with_part("one", Weights::default().with("a", &[1], [1_u32]).with_value("b", 2));
        let read = |from: &mut Weights| from.take::<u32>("a", &[1]);
        let left = whole.clone().read_part("one", read).unwrap_err().to_string();
        assert!(left.contains("its part `one` has `b`, which nobody knows"), "{left}");
        let both = whole.read_part("one", |part| Ok((read(part)?, part.take_value::<u32>("b")?)));
        assert_eq!(both.unwrap(), (vec![1], 2));
    }
}
