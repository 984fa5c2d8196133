//! Lines of a bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Reads a line into `line`, which is emptied first, without its end; `false`: the other side has closed. A last line
/// without an end counts.
///
/// # Errors
/// When reading fails; `InvalidData` when the line is longer than `limit` bytes.
pub(super) async fn read<R: AsyncBufRead + Unpin>(
    from: &mut R,
    line: &mut Vec<u8>,
    limit: usize,
) -> io::Result<bool> {
    line.clear();
    loop {
        let available = from.fill_buf().await?;
        if available.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(available.len());
        if line.len() + taken > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("longer than {limit} bytes")));
        }
        line.extend_from_slice(&available[..taken]);
        from.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &[u8], limit: usize) -> Vec<Result<String, io::ErrorKind>> {
        let (mut from, mut line, mut all) = (text, Vec::new(), Vec::new());
        loop {
            match read(&mut from, &mut line, limit).await {
                Ok(true) => all.push(Ok(String::from_utf8(line.clone()).unwrap())),
                Ok(false) => return all,
                Err(error) => {
                    all.push(Err(error.kind()));
                    return all;
                }
            }
        }
    }

    #[tokio::test]
    async fn lines_come_one_by_one_and_the_last_needs_no_end() {
        assert_eq!(lines(b"a\n\nbc", 10).await, [Ok("a".into()), Ok(String::new()), Ok("bc".into())]);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_refused() {
        assert_eq!(lines(b"1234\n12345\n", 4).await, [Ok("1234".into()), Err(io::ErrorKind::InvalidData)]);
    }
}
