//! What `pipe` does, seen from outside: each file is a behaviour, the folders are what the tests share.
//!
//! All of it is one executable, since each further one would be linked with everything again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says why it skips or what it tried"
)]

mod ablations;
mod arguments;
mod bad_input;
mod best_lists;
mod book;
mod cache;
mod changes;
mod coarse;
mod coarse_time_stamps;
mod colours;
mod commands;
mod compare;
mod completions;
mod contradicting_settings;
mod cutoffs;
mod diagnoses;
mod diff;
mod discovery;
mod doctor;
mod early_cutoff;
mod executable_inputs;
mod export;
mod export_table;
mod failures;
mod file_attributes;
mod finite_numbers;
mod gc;
mod gguf;
mod gift_cards;
mod golden;
mod graph;
mod hard_links;
mod hostile_records;
mod identity;
mod ingest_files;
mod init;
mod input_holds_store;
mod installed_programs;
mod interrupted;
mod json_errors;
mod killed;
mod language_model_tables;
mod layers;
mod lock;
mod long_stages;
mod manual;
mod mapped;
mod mapped_writes;
mod missing_inputs;
mod missing_library;
mod model;
mod model_script;
mod moving_inputs;
mod name_limits;
mod named_runs;
mod new_items;
mod new_stage;
mod nothing_to_do;
mod own_rankings;
mod peek;
mod placeholders;
mod planner_model;
mod port_names;
mod progress;
mod python_inputs;
mod ranks;
mod read_only_folders;
mod recommend;
mod reference;
mod remote;
mod remote_s3;
mod report;
mod reproduce;
mod resources;
mod runs;
mod s3;
mod sample_pipeline;
mod search;
mod shared_results;
mod slurm;
mod soak;
mod space;
mod supervision;
mod sweep;
mod system_limits;
mod table_1;
mod tables;
mod tiny_model;
mod together;
mod tokenize;
mod trackers;
mod tutorial;
mod variables;
mod verified_run;
mod whole;
mod why;
mod workflow;
