//! Converts columns to Arrow arrays and back.
//!
//! Does not know files.
//!
//! **Invariant**: [`append`] undoes [`array`], missing values included.

use std::sync::Arc;

use arrow::array::builder::{Float32Builder, ListBuilder, StringBuilder};
use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, Float32Array, Float64Array, Int64Array, PrimitiveArray, StringArray,
    UInt32Array,
};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int64Type, Schema, UInt32Type};

use super::Column;

/// The Arrow field of a column.
pub(super) fn field(name: &str, column: &Column) -> Field {
    let (data_type, nullable) = match column {
        Column::I64(_) => (DataType::Int64, true),
        Column::U32(_) => (DataType::UInt32, false),
        Column::F32(_) => (DataType::Float32, true),
        Column::F64(_) => (DataType::Float64, true),
        Column::Text(_) => (DataType::Utf8, true),
        Column::TextList(_) => (DataType::List(Arc::new(list_item())), false),
        Column::OptionalTextList(_) => (DataType::List(Arc::new(list_item())), true),
        Column::NumberList(_) => (DataType::List(Arc::new(number_item())), false),
    };
    Field::new(name, data_type, nullable)
}

fn list_item() -> Field {
    Field::new("element", DataType::Utf8, false)
}

fn number_item() -> Field {
    Field::new("element", DataType::Float32, false)
}

/// The Arrow array of a column.
pub(super) fn array(column: &Column) -> ArrayRef {
    match column {
        Column::I64(values) => Arc::new(Int64Array::from_iter(values.iter().copied())),
        Column::U32(values) => Arc::new(UInt32Array::from_iter_values(values.iter().copied())),
        Column::F32(values) => Arc::new(Float32Array::from_iter(values.iter().copied())),
        Column::F64(values) => Arc::new(Float64Array::from_iter(values.iter().copied())),
        Column::Text(values) => Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref))),
        Column::TextList(values) => lists(values.iter().map(|list| Some(list.as_slice()))),
        Column::OptionalTextList(values) => lists(values.iter().map(Option::as_deref)),
        Column::NumberList(values) => {
            let mut builder = ListBuilder::new(Float32Builder::new()).with_field(number_item());
            for list in values {
                builder.values().append_slice(list);
                builder.append(true);
            }
            Arc::new(builder.finish())
        }
    }
}

fn lists<'a>(values: impl Iterator<Item = Option<&'a [String]>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(list_item());
    for list in values {
        for text in list.unwrap_or_default() {
            builder.values().append_value(text);
        }
        builder.append(list.is_some());
    }
    Arc::new(builder.finish())
}

/// An empty column for every field of a file's schema, or an error that names a type that no column has.
pub(super) fn empty(schema: &Schema) -> Result<Vec<(String, Column)>, String> {
    schema
        .fields()
        .iter()
        .map(|field| {
            let column = match field.data_type() {
                DataType::Int64 => Column::I64(Vec::new()),
                DataType::UInt32 => Column::U32(Vec::new()),
                DataType::Float32 => Column::F32(Vec::new()),
                DataType::Float64 => Column::F64(Vec::new()),
                DataType::Utf8 => Column::Text(Vec::new()),
                DataType::List(item) if item.data_type() == &DataType::Utf8 => {
                    if field.is_nullable() {
                        Column::OptionalTextList(Vec::new())
                    } else {
                        Column::TextList(Vec::new())
                    }
                }
                DataType::List(item) if item.data_type() == &DataType::Float32 => Column::NumberList(Vec::new()),
                other => {
                    let is = "which is in no table of reco; `reco run` reads more kinds than `reco show`";
                    return Err(format!("column `{}` holds `{other}`, {is}", field.name()));
                }
            };
            Ok((field.name().clone(), column))
        })
        .collect()
}

/// Reserves room for `n` rows if there is enough memory; the number that a damaged file states must not end the
/// process.
pub(super) fn reserve(column: &mut Column, n: usize) {
    let reserved = match column {
        Column::I64(values) => values.try_reserve_exact(n),
        Column::U32(values) => values.try_reserve_exact(n),
        Column::F32(values) => values.try_reserve_exact(n),
        Column::F64(values) => values.try_reserve_exact(n),
        Column::Text(values) => values.try_reserve_exact(n),
        Column::TextList(values) => values.try_reserve_exact(n),
        Column::OptionalTextList(values) => values.try_reserve_exact(n),
        Column::NumberList(values) => values.try_reserve_exact(n),
    };
    // Where room cannot be reserved at once, the column grows as rows come.
    drop(reserved);
}

/// Adds the numbers of an array, faster where none is missing.
fn extend<T: ArrowPrimitiveType>(values: &mut Vec<Option<T::Native>>, array: &PrimitiveArray<T>) {
    if array.null_count() == 0 {
        values.extend(array.values().iter().map(|value| Some(*value)));
    } else {
        values.extend(array);
    }
}

/// Adds an array's values to the column that [`empty`] made for its field.
pub(super) fn append(column: &mut Column, array: &dyn Array) -> Result<(), String> {
    let other = || format!("a chunk holds `{}`", array.data_type());
    match column {
        Column::I64(values) => extend(values, array.as_primitive_opt::<Int64Type>().ok_or_else(other)?),
        Column::U32(values) => {
            let numbers = array.as_primitive_opt::<UInt32Type>().ok_or_else(other)?;
            if numbers.null_count() == 0 {
                values.extend_from_slice(numbers.values());
            } else {
                values.extend(numbers.iter().map(Option::unwrap_or_default));
            }
        }
        Column::F32(values) => extend(values, array.as_primitive_opt::<Float32Type>().ok_or_else(other)?),
        Column::F64(values) => extend(values, array.as_primitive_opt::<Float64Type>().ok_or_else(other)?),
        Column::Text(values) => {
            let texts = array.as_string_opt::<i32>().ok_or_else(other)?;
            values.extend(texts.iter().map(|text| text.map(str::to_owned)));
        }
        Column::TextList(values) => {
            let lists = array.as_list_opt::<i32>().ok_or_else(other)?;
            values.extend(lists.iter().map(|list| list.map(|list| texts(&list)).unwrap_or_default()));
        }
        Column::OptionalTextList(values) => {
            let lists = array.as_list_opt::<i32>().ok_or_else(other)?;
            values.extend(lists.iter().map(|list| list.map(|list| texts(&list))));
        }
        Column::NumberList(values) => {
            for list in array.as_list_opt::<i32>().ok_or_else(other)?.iter() {
                let list = list.unwrap_or_else(|| Arc::new(Float32Array::new_null(0)));
                let numbers = list.as_primitive_opt::<Float32Type>().ok_or_else(other)?;
                values.push(numbers.iter().map(Option::unwrap_or_default).collect());
            }
        }
    }
    Ok(())
}

fn texts(list: &ArrayRef) -> Vec<String> {
    list.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}
