//! The OpenAPI 3.1 description, made from the types of bodies: their schemas are JSON Schema 2020-12, which 3.1 takes as it is.

use super::problem::{ProblemBody, ProblemKind};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A description that grows by operations.
pub(super) struct Description {
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
}

/// The schema of a type, put among those of the components.
type SchemaOf = fn(&mut SchemaGenerator) -> Value;

/// A method of a path.
pub(super) struct Operation {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    query: Option<SchemaOf>,
    body: Option<SchemaOf>,
    answers: Vec<SchemaOf>,
    faults: Vec<ProblemKind>,
}

impl Description {
    /// A description without operations.
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self { schemas: settings.into_generator(), paths: Map::new() }
    }

    /// Adds an operation.
    pub(super) fn add(&mut self, operation: Operation) {
        let schemas = &mut self.schemas;
        let mut parameters = operation.parameters;
        // A parameter of a query is a property of its type.
        let query = operation.query.map(|schema| schema(schemas));
        let fields =
            query.iter().filter_map(|schema| resolved(schemas, schema)["properties"].as_object().cloned()).flatten();
        parameters.extend(fields.map(|(name, schema)| {
            let description = schema["description"].clone();
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
        }));
        let mut answers: Vec<Value> = operation.answers.iter().map(|schema| schema(schemas)).collect();
        let answer = if answers.len() == 1 { answers.remove(0) } else { json!({"anyOf": answers}) };
        let mut responses = Map::new();
        responses.insert(
            "200".to_owned(),
            json!({"description": "OK", "content": {"application/json": {"schema": answer}}}),
        );
        let fault = json!({"application/problem+json": {"schema": schema_of::<ProblemBody>(schemas)}});
        for kind in ProblemKind::ALL.into_iter().filter(|kind| operation.faults.contains(kind)) {
            let (status, name, title) = kind.describe();
            let entry = responses.entry(status.as_str().to_owned());
            let known = entry.or_insert_with(|| json!({"description": "", "content": fault}));
            let before = known["description"].as_str().unwrap_or_default().to_owned();
            let separator = if before.is_empty() { "" } else { "; " };
            known["description"] = format!("{before}{separator}{name}: {title}").into();
        }
        let mut described = json!({"summary": operation.summary, "parameters": parameters, "responses": responses});
        if let Some(body) = operation.body {
            let content = json!({"application/json": {"schema": body(schemas)}});
            described["requestBody"] = json!({"required": true, "content": content});
        }
        self.paths.insert(operation.path.to_owned(), json!({operation.method: described}));
    }

    /// The whole description.
    pub(super) fn finish(mut self) -> Value {
        let schemas: Map<String, Value> = self.schemas.take_definitions(true).into_iter().collect();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "pipe serve",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Ranked lists of a pipeline, lists decoded live, and similar items.",
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"token": []}],
        })
    }
}

impl Operation {
    /// A GET.
    pub(super) fn get(path: &'static str, summary: &'static str) -> Self {
        Self::of(path, "get", summary)
    }

    /// A POST.
    pub(super) fn post(path: &'static str, summary: &'static str) -> Self {
        Self::of(path, "post", summary)
    }

    fn of(path: &'static str, method: &'static str, summary: &'static str) -> Self {
        let (parameters, answers, faults) = (Vec::new(), Vec::new(), Vec::new());
        Self { path, method, summary, parameters, query: None, body: None, answers, faults }
    }

    /// With a parameter of the path.
    pub(super) fn parameter(mut self, name: &str, description: &str) -> Self {
        let schema = json!({"type": "string"});
        let parameter =
            json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
        self.parameters.push(parameter);
        self
    }

    /// With the fields of a type behind the question mark.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// With a body.
    pub(super) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// With an answer.
    pub(super) fn answers<T: JsonSchema>(mut self) -> Self {
        self.answers.push(schema_of::<T>);
        self
    }

    /// With another answer.
    pub(super) fn or_answers<T: JsonSchema>(self) -> Self {
        self.answers::<T>()
    }

    /// With errors.
    pub(super) fn fails(mut self, faults: &[ProblemKind]) -> Self {
        self.faults.extend(faults);
        self
    }
}

fn schema_of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

/// The schema that a reference leads to.
fn resolved(schemas: &SchemaGenerator, schema: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| schemas.definitions().get(name)).unwrap_or(schema).clone()
}
