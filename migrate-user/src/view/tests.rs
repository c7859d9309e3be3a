//! The picture, cell by cell, at several sizes; and that every view tells the same numbers.
