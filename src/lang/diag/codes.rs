//! All that can be said about a text: one entry a diagnostic, each raised at one place. `mgmt explain CODE` shows it.
//!
//! `L` codes are about files of any language, `Y` codes about graph files in YAML. A code keeps its meaning for ever.

/// A sort of diagnostic.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// What messages show, such as `Y0004`.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Markdown: why it is so, and what to do.
    pub explanation: &'static str,
}

/// The code of this id; case does not matter.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}

macro_rules! codes {
    ($( $name:ident = $id:literal, $title:literal, $explanation:literal; )*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub static $name: Code = Code { id: $id, title: $title, explanation: $explanation };
        )*

        /// All codes, in the order of their ids.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    MORE = "L0001", "more of the same",
        "At most 100 errors and 100 warnings of one text are shown. Mend those, and the rest will be shown.";
    UNREADABLE = "L0002", "a file cannot be read",
        "The file does not exist, or the system refuses to read it; the cause says which. mgmt reads it as the user \
         that it runs as.";
    DIRECTORY = "L0003", "a directory in place of a file",
        "This frontend reads one file. Name the file itself.";
    TOO_LARGE = "L0004", "a file is too large",
        "Texts of at most 64 MiB are read, so that a wrong path (a disk image, a log) cannot exhaust the memory.";
    NOT_UTF8 = "L0005", "a file is not text in UTF-8",
        "Graph files are UTF-8. Editors that save as Latin-1 or UTF-16 can save as UTF-8 too; \
         `iconv -f LATIN1 -t UTF-8 FILE` converts. A NUL byte is not text either.";
    EMPTY = "L0006", "a file is empty",
        "An empty file is more often a mishap (a full disk, a failed template) than a wish for an empty graph. \
         The smallest graph file is `graph: NAME`.";
    UNKNOWN_LANGUAGE = "L0007", "no frontend reads files of this name",
        "The language of a file is told by its name: `.yaml` or `.yml` is a graph file.";
    UNWATCHED = "L0008", "the file cannot be watched",
        "The graph runs, but edits of the file are seen only on SIGHUP.";
    BUG = "L0009", "the frontend failed",
        "This is a bug in mgmt. Please report it, with the file if you can. The old graph keeps running.";

    NOT_COLLECTED = "L0010", "an export that cannot be collected",
        "Another host exports a resource of a kind that is collected here, and it cannot run on this host: the cause \
         says why. Everything else runs. An export that this version does not understand may come from a newer one.";
    EXPORTS_DIFFER = "L0011", "exports that would be one resource",
        "Two exports have the same kind and name here, and differ. The first by name and host is taken, on every host \
         alike. Files that are collected are named by the directory under which they are laid and the base name of \
         their path. Give one of them another name where it is declared.";
    GIVES_WAY = "L0012", "an export that gives way to a resource of the text",
        "A resource is declared here and exported by another host, and the two differ: the one that is declared here \
         runs. A resource that is declared here as `hidden` keeps its name too.";

    SYNTAX = "Y0001", "the text is not YAML",
        "Indentation is by spaces, never by tabs. Entries of one map or list start in the same column. A value that \
         contains `: ` or ` #`, or starts with one of `[]{}&*!|>'\"%@` and the backtick, is put into quotes.";
    SECOND_DOCUMENT = "Y0002", "more than one document",
        "A graph file holds one graph: remove everything from the second `---` on, or give it a file of its own.";
    TOO_DEEP = "Y0003", "nested too deeply",
        "Lists and maps may be nested 128 deep, aliases and merges included.";
    UNKNOWN_TAG = "Y0004", "an unknown tag",
        "The tags of YAML's core schema are known: `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq`, `!!map`.";
    ALIAS_CYCLE = "Y0005", "an alias inside its own anchor",
        "`&a [*a]` would contain itself without end.";
    ALIAS_BOMB = "Y0006", "aliases expand to too much",
        "Aliases and merges may add a million values to those that are written in the file. A few lines of aliases \
         of aliases can stand for billions.";
    BAD_KEY = "Y0007", "a key is not a plain value",
        "Keys are written as text: neither lists nor maps can be keys.";
    DUPLICATE_KEY = "Y0008", "a key is given twice",
        "YAML leaves open which one counts, so neither does. A key that a merge (`<<`) brings in may be given again.";
    BAD_MERGE = "Y0009", "a merge of something that is no map",
        "`<<` takes a map, or a list of maps, mostly by alias: `<<: *defaults`.";
    WRONG_TYPE = "Y0010", "a value of the wrong type",
        "`mgmt explain KIND` lists the parameters of a kind with their types. A string parameter takes an unquoted \
         value as it is written (`mode: 0644` is the text 0644); a boolean also takes `yes`, `no`, `on` and `off`; \
         all others want an unquoted value of their own type.";
    OUT_OF_RANGE = "Y0011", "a number out of range",
        "Integers have the width that the parameter's documentation says, 64 bits at the most.";
    UNKNOWN_KEY = "Y0012", "an unknown key",
        "At the top of a graph file stand `graph`, `comment`, `resources`, `edges` and `collect`. An unknown key is an \
         error, because a misspelt one would silently do nothing.";
    MISSING_KEY = "Y0013", "a key is missing",
        "A graph needs `graph: NAME`; an entry needs a `name`; an edge needs `from` and `to`, each with `kind` and \
         `name`; an entry of `collect` needs a `kind`, and for files a `pattern`.";
    UNKNOWN_KIND = "Y0014", "an unknown kind",
        "`mgmt explain` lists all kinds of resources.";
    UNKNOWN_PARAM = "Y0015", "an unknown parameter",
        "`mgmt explain KIND` lists the parameters of a kind. Meta-parameters, such as `noop` or `retry`, stand under \
         `meta:`.";
    UNKNOWN_META = "Y0016", "an unknown meta-parameter",
        "`mgmt explain meta` lists them.";
    BAD_NAME = "Y0017", "a name that cannot be",
        "Every resource has a name that is not empty.";
    DOLLAR = "Y0018", "a name that starts with `$`",
        "Graph files have no variables, so `$name` is mostly a forgotten interpolation. `meta: {dollar: true}` permits \
         it.";
    DUPLICATE_RESOURCE = "Y0019", "a resource is declared twice",
        "A kind and name stand for one resource of the graph. Declared twice alike it counts once; declared twice \
         differently, one of the two would be wrong.";
    REFUSED = "Y0020", "the kind refuses the declaration",
        "Every parameter has the right type, but a value, or several together, make no sense to the kind. \
         `mgmt explain KIND` tells what it wants.";
    UNKNOWN_END = "Y0021", "an edge to nowhere",
        "Both ends of an edge are resources of the same file.";
    SELF_EDGE = "Y0022", "an edge from a resource to itself",
        "Nothing can run before itself. Remove the edge, or correct one of its ends.";
    CYCLE = "Y0023", "edges form a cycle",
        "Each resource of the cycle would wait for the one before it, for ever. Remove one of the edges.";
    IGNORED_KEY = "Y0024", "a key without effect",
        "Old graph files carry keys that no longer mean anything, such as `remote` or an exec's `state`. They are \
         accepted, so that such files run, and have no effect. The `pattern` of an entry of `collect` says where files \
         are laid, and has no meaning for other kinds.";
    // Y0025 was a notice of versions without a mesh.
    BAD_PATTERN = "Y0026", "a pattern that is no absolute directory",
        "Files that are collected are laid under the directory that `pattern` names, each by the base name of its path.";
    DUPLICATE_EXPORT = "Y0027", "two exports under one name",
        "A host exports at most one resource of a kind and name to each host: `@@name` is exported as `name`, and so \
         is a resource called `name` with `meta: {export: …}`.";
    CONTRADICTION = "Y0028", "two resources that contradict one another",
        "They have different names, and are about one thing: a path or a mount point that is written in two ways, one \
         kernel parameter, one value of a JSON file. Each would undo what the other does.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_unique() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert_eq!(find("y0001"), Some(&SYNTAX));
        assert_eq!(find("Y9999"), None);
    }
}
