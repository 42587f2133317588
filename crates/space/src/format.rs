//! Architectures as text.

use crate::{Architecture, Decision, decision::walk, error::Fault};

/// How a space writes its architectures.
#[derive(Debug, Clone)]
pub(crate) enum Notation {
    /// `path=label,path=label` of the active decisions.
    Paths,
    /// A published form: every decision once, active or not, each with the text before it; and the text at the end.
    Published {
        parts: Vec<(String, usize)>,
        end: String,
    },
}

// === impl Notation ===

impl Notation {
    pub fn new(format: Option<&(String, u32)>, decisions: &[Decision]) -> Result<Self, Fault> {
        let Some((format, line)) = format else {
            return Ok(Self::Paths);
        };
        let fault = |reason| Fault::new(*line, "format", reason);
        let (parts, end) = parts(format, decisions).map_err(fault)?;
        check_unambiguous(&parts, &end, decisions).map_err(fault)?;
        Ok(Self::Published { parts, end })
    }

    pub fn print(&self, decisions: &[Decision], of: &Architecture, active: &[bool]) -> String {
        match self {
            Self::Paths => {
                let active = (0..decisions.len()).filter(|index| active[*index]);
                let parts = active.map(|index| {
                    let decision = &decisions[index];
                    let label = &decision.options()[of.printed(index)];
                    format!("{}={label}", decision.path())
                });
                parts.collect::<Vec<_>>().join(",")
            }
            Self::Published { parts, end } => {
                let mut text = String::new();
                for (before, index) in parts {
                    text.push_str(before);
                    text.push_str(&decisions[*index].options()[of.printed(*index)]);
                }
                text + end
            }
        }
    }

    pub fn parse(&self, decisions: &[Decision], text: &str) -> Result<Architecture, String> {
        match self {
            Self::Paths => parse_paths(decisions, text),
            Self::Published { parts, end } => parse_published(decisions, parts, end, text),
        }
    }
}

/// Splits a format into the decisions it prints and the text around them.
fn parts(format: &str, decisions: &[Decision]) -> Result<(Vec<(String, usize)>, String), String> {
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut literal = String::new();
    let mut rest = format;
    while let Some(open) = rest.find(['{', '}']) {
        literal.push_str(&rest[..open]);
        let inside = rest[open..]
            .strip_prefix('{')
            .and_then(|r| r.split_once('}'));
        let (placeholder, after) = inside.ok_or("a brace without its partner")?;
        rest = after;
        let (matching, separator) = matching(placeholder, decisions)?;
        for (position, index) in matching.into_iter().enumerate() {
            if parts.iter().any(|(_, other)| *other == index) {
                return Err(format!("`{}` is printed twice", decisions[index].path()));
            }
            if position > 0 {
                literal.push_str(separator);
            }
            parts.push((std::mem::take(&mut literal), index));
        }
    }
    literal.push_str(rest);
    let is_printed = |index: &usize| parts.iter().any(|(_, other)| other == index);
    match (0..decisions.len()).find(|index| !is_printed(index)) {
        Some(missing) => Err(format!("`{}` is not printed", decisions[missing].path())),
        None => Ok((parts, literal)),
    }
}

/// The decisions that a placeholder prints, and the text between them.
fn matching<'a>(
    placeholder: &'a str,
    decisions: &[Decision],
) -> Result<(Vec<usize>, &'a str), String> {
    let (glob, separator) = match placeholder.split_once(':') {
        None => (placeholder, None),
        Some((glob, separator)) => (glob, Some(separator)),
    };
    let matching: Vec<usize> = (0..decisions.len())
        .filter(|index| matches(glob, decisions[*index].path()))
        .collect();
    match (matching.len(), separator) {
        (0, _) => Err(format!("`{{{placeholder}}}` matches no decision")),
        (1, _) | (_, Some(_)) => Ok((matching, separator.unwrap_or_default())),
        (count, None) => Err(format!(
            "`{{{placeholder}}}` matches {count} decisions and has no separator"
        )),
    }
}

/// The text after a decision must end its label.
fn check_unambiguous(
    parts: &[(String, usize)],
    end: &str,
    decisions: &[Decision],
) -> Result<(), String> {
    for (position, (_, index)) in parts.iter().enumerate() {
        let decision = &decisions[*index];
        let after = parts.get(position + 1).map(|(before, _)| before.as_str());
        let path = decision.path();
        match after {
            Some("") => return Err(format!("no text after `{path}` to tell where it ends")),
            None if end.is_empty() => {}
            _ => {
                let after = after.unwrap_or(end);
                let label = decision
                    .options()
                    .iter()
                    .find(|label| label.contains(after));
                if let Some(label) = label {
                    return Err(format!(
                        "the text `{after}` after `{path}` occurs in `{label}`"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether the path has the glob's form; `*` stands for any text.
fn matches(glob: &str, path: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else {
        return glob == path;
    };
    let Some(path) = path.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut path) = path.strip_suffix(end) else {
        return false;
    };
    for piece in middle.split('*') {
        match path.find(piece) {
            Some(at) => path = &path[at + piece.len()..],
            None => return false,
        }
    }
    true
}

fn parse_published(
    decisions: &[Decision],
    parts: &[(String, usize)],
    end: &str,
    text: &str,
) -> Result<Architecture, String> {
    let mut given = vec![0; decisions.len()];
    let mut rest = text;
    for (position, (before, index)) in parts.iter().enumerate() {
        let decision = &decisions[*index];
        rest = rest.strip_prefix(before.as_str()).ok_or_else(|| {
            format!(
                "expected `{before}` before the option of `{}`",
                decision.path()
            )
        })?;
        let after = parts.get(position + 1).map_or(end, |(before, _)| before);
        let length = match after {
            "" => Some(rest.len()),
            after => rest.find(after),
        };
        let length = length.ok_or_else(|| {
            format!(
                "expected `{after}` after the option of `{}`",
                decision.path()
            )
        })?;
        given[*index] = option(decision, &rest[..length])?;
        rest = &rest[length..];
    }
    if rest != end {
        return Err(match end {
            "" => format!("`{rest}` is left over"),
            end => format!("expected it to end in `{end}`, got `{rest}`"),
        });
    }
    let (choices, _) = walk(decisions, |index| given[index]);
    let differing = (0..choices.len()).filter(|index| choices[*index] != given[*index]);
    let remembered = differing.map(|index| (index, given[index])).collect();
    Ok(Architecture::remembering(choices, remembered))
}

fn parse_paths(decisions: &[Decision], text: &str) -> Result<Architecture, String> {
    let mut given: Vec<Option<u16>> = vec![None; decisions.len()];
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (path, label) = part
            .split_once('=')
            .ok_or_else(|| format!("expected `path=option`, got `{part}`"))?;
        let index = decisions
            .iter()
            .position(|decision| decision.path() == path);
        let index = index.ok_or_else(|| format!("there is no decision `{path}`"))?;
        let option = option(&decisions[index], label)?;
        if given[index].replace(option).is_some() {
            return Err(format!("`{path}` is given twice"));
        }
    }
    let (choices, active) = walk(decisions, |index| given[index].unwrap_or(0));
    for (index, decision) in decisions.iter().enumerate() {
        let path = decision.path();
        match (active[index], given[index]) {
            (true, None) => return Err(format!("`{path}` is missing")),
            (false, Some(_)) => return Err(format!("`{path}` has no part in this architecture")),
            (true, Some(_)) | (false, None) => {}
        }
    }
    Ok(Architecture::new(choices))
}

fn option(decision: &Decision, label: &str) -> Result<u16, String> {
    let options = decision.options();
    match options.iter().position(|option| option == label) {
        Some(index) => Ok(u16::try_from(index).expect("the number of options is bounded")),
        None => Err(format!(
            "`{label}` is not an option of `{}`: there is {}",
            decision.path(),
            options.join(", ")
        )),
    }
}
