use super::*;
use proptest::prelude::*;

/// Every character as `\uXXXX`, or only those that are not ASCII.
fn json(text: &str, all: bool, upper: bool) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' if !all => escaped.extend(['\\', character]),
            ' '..='~' if !all => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped += &if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                }
            }
        }
    }
    escaped
}

fn percent(text: &str, all: bool, upper: bool) -> String {
    let escape = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    let keep = |byte: u8| !all && byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { escape(byte) }).collect()
}

fn whole_base64(bytes: &[u8], last_two: [u8; 2]) -> String {
    let padded: Vec<u8> = bytes.iter().copied().chain(std::iter::repeat_n(0, (3 - bytes.len() % 3) % 3)).collect();
    let mut text = String::from_utf8(base64(&padded, 0, last_two)).unwrap();
    text.truncate((bytes.len() * 8).div_ceil(6));
    text
}

/// An encoding and, where one stands for the secret alone, its text.
fn encodings(secret: &str, before: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), serde_json::to_string(secret).unwrap(), format!("{secret:?}")];
    for all in [false, true] {
        for upper in [false, true] {
            forms.push(json(secret, all, upper));
            forms.push(json(&json(secret, all, upper), false, upper));
            forms.push(percent(secret, all, upper));
            forms.push(percent(&percent(secret, all, upper), false, upper));
        }
    }
    forms.push(json(secret, false, false).replace('/', "\\/"));
    forms.push(secret.replace(' ', "+"));
    forms.push(secret.bytes().map(|byte| format!("\\x{byte:02x}")).collect());
    if secret.len() >= FEWEST_ENCODED {
        forms.push(secret.bytes().map(|byte| format!("{byte:02X}")).collect());
        forms.push(whole_base64(format!("{before}{secret}").as_bytes(), *b"+/"));
        forms.push(whole_base64(format!("{before}{secret}:").as_bytes(), *b"-_"));
    }
    forms
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_encoding_of_a_secret_is_left(
        secret in "[^*\\r\\n\\p{Cc}]{1,16}|[a-z\"\\\\/%+ ñ😀]{1,12}",
        before in "[a-z\\\\%:\"]{0,4}",
        after in "[a-z\\\\%u0-9\"]{0,4}",
    ) {
        let redactor = Redactor::new(std::slice::from_ref(&secret));
        for form in encodings(&secret, &before) {
            let redacted = redactor.redact(&format!("{before}{form}{after}"));
            prop_assert!(redacted.contains(REPLACEMENT), "{form} -> {redacted}");
            prop_assert!(!redacted.contains(&form) && !redacted.contains(&secret), "{form} -> {redacted}");
            prop_assert!(redactor.is_clean(&redacted), "{form} -> {redacted}");
        }
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_secret(
        before in "[a-c]{0,60}",
        secret in "[d-fñ]{1,5}",
        shown in 0_usize..6,
        escape in any::<bool>(),
    ) {
        let redactor = Redactor::new(std::slice::from_ref(&secret));
        let form = if escape { json(&secret, true, false) } else { secret.clone() };
        let whole = format!("{before}{form}");
        let text = &whole[..whole.floor_char_boundary(whole.len() - shown.min(form.len()))];
        let cut = redactor.cut(text);
        // A string that is only the beginning of a secret cannot be cut anywhere else.
        if cut < text.len() {
            let both = redactor.redact(&whole[..cut]) + &redactor.redact(&whole[cut..]);
            prop_assert_eq!(both, redactor.redact(&whole));
        }
    }

    #[test]
    fn what_has_no_secret_stays(text in "[a-z \\\\%\"{}:0-9]{0,40}") {
        prop_assert_eq!(Redactor::new(&["UNRELATED".to_owned()]).redact(&text), text.clone());
        prop_assert_eq!(Redactor::new(&[]).redact(&text), text);
    }
}

#[test]
fn short_lines_of_a_long_secret_are_no_secrets() {
    let redactor = Redactor::new(&["{\n  \"key\": \"hunter2\"\n}".to_owned()]);
    assert_eq!(redactor.redact(r#"{"a": 1}   "key": "hunter2""#), r#"{"a": 1} ***"#);
    assert_eq!(Redactor::new(&["ab\ncd".to_owned()]).redact("xabcdx"), "x******x");
}
