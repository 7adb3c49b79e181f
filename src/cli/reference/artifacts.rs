//! What is in the artifacts that pass between stages.

use contract::{ArtifactSchema, FieldSchema};

/// What stands before the tables.
const HEAD: &str = "\
# Artifacts

Made from the code; do not edit.

`pipe cache path PIPELINE STAGE.OUTPUT` prints the folder of an artifact, and any program can read it:

```sh
python3 -c 'import pandas; print(pandas.read_parquet(\"items.parquet\").iloc[17])'
```

Numbers of users and items are rows: item 17 is row 17 of `items.parquet` and of `embeddings.safetensors`. A stage of your own
(`uses = \"command\"`) that writes one of these files in an output of that kind can take the place of a stage.

`pipe export table PIPELINE STAGE.OUTPUT --output FILE` writes a table as CSV or Parquet with the identifiers that the raw data have, `user_id`
and `item_id`, beside the numbers; `pipe peek` shows some rows so.
";

/// `docs/reference/artifacts.md`.
pub fn artifacts(schemas: &[ArtifactSchema]) -> String {
    HEAD.to_owned() + &schemas.iter().map(section).collect::<String>()
}

fn section(schema: &ArtifactSchema) -> String {
    let kinds: Vec<String> = schema.kinds.iter().map(|kind| format!("`{kind}`")).collect();
    let row = |field: &FieldSchema| format!("| `{}` | {} | {} |\n", field.name, field.form, field.about);
    let part = if schema.file.ends_with(".parquet") { "column" } else { "tensor" };
    format!(
        "\n## {}\n\n`{}`. {}\n\n| {part} | type | |\n|---|---|---|\n{}",
        kinds.join(", "),
        schema.file,
        schema.about,
        schema.fields.iter().map(row).collect::<String>()
    )
}
