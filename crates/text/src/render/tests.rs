use osusume_model::Code;

use super::*;

fn unterminated() -> Fault {
    Fault::new(Code::UnterminatedQuote).in_file("customers.csv").at(48211, 17).at_byte(9_331_204)
}

fn stopped() -> Effect {
    Effect::NothingPublished { previous: Some("2026-08-20-003-ab12cd34".to_owned()) }
}

#[test]
fn the_shape_of_one_fault() {
    let expected = "error[E1017]: unterminated quote
  --> customers.csv:48211:17 (byte 9331204)
  effect: run stopped, nothing published; previous version 2026-08-20-003-ab12cd34 still current
  help: close the quote in line 48211
";
    assert_eq!(render(&unterminated(), &stopped(), Language::En), expected);
    let expected = "エラー[E1017]: 引用符が閉じられていません
  --> customers.csv:48211:17 (バイト位置9331204)
  影響: 実行を中断しました。何も公開していません。公開中のバージョンは引き続き2026-08-20-003-ab12cd34です。
  対処: 48211行目の引用符を閉じてください。
";
    assert_eq!(render(&unterminated(), &stopped(), Language::Ja), expected);
}

#[test]
fn several_faults_share_one_effect() {
    let second = Fault::new(Code::ConfigMissingKey).with("key", "pipeline.name").in_file("a.toml");
    let text = render(&unterminated().and(vec![second]), &Effect::NotStarted, Language::En);
    assert_eq!(text.matches("effect:").count(), 1);
    assert!(text.contains("error[E1017]") && text.contains("error[E2005]"));
    assert!(text.ends_with("\n\n2 errors\n  effect: run not started; nothing was changed\n"));
}

#[test]
fn many_faults_are_cut_after_twenty() {
    let others = (0..25).map(|_| unterminated()).collect();
    let text = render(&unterminated().and(others), &Effect::ReadOnly, Language::En);
    assert_eq!(text.matches("error[E1017]").count(), 20);
    assert!(text.contains("\n26 errors, the first 20 are shown\n"));
}

#[test]
fn faults_beside_faults_are_found_at_any_depth() {
    let nested = unterminated().and(vec![unterminated().and(vec![unterminated()])]);
    assert!(render(&nested, &Effect::ReadOnly, Language::En).contains("3 errors"));
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let fault = Fault::new(Code::ColumnMissing)
        .with("column", "a\u{1b}[2J")
        .with("columns", vec!["b\u{7}".to_owned()])
        .with("suggestion", "c\r")
        .in_file("d\u{1b}]0;x\u{7}.csv")
        .named("e\u{202e}");
    for language in Language::ALL {
        let effect = Effect::Published { run: "f\u{1b}".to_owned() };
        let text = render(&fault, &effect, language);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}'));
    }
}

#[test]
fn the_scheduler_gets_one_json_line() {
    let state = RunState {
        exit: Exit::Input,
        stage: Some("ingest"),
        run_id: Some("2026-10-01-001-ab"),
        published: false,
        previous: None,
    };
    let json = exit_error_json(&unterminated().in_file("a\"\n.csv"), &state, Language::En);
    let expected = "{\"type\":\"exit_error\",\"code\":10,\"error\":\"E1017\",\"retryable\":false,\"stage\":\"ingest\",\
        \"run_id\":\"2026-10-01-001-ab\",\"published\":false,\"previous\":null,\"file\":\"a\\\"\\n.csv\",\"line\":48211,\
        \"column\":17,\"byte\":9331204,\"name\":null,\"message\":\"unterminated quote\",\
        \"hint\":\"close the quote in line 48211\",\"others\":0}";
    assert_eq!(json, expected);
}

#[test]
fn places_of_every_kind() {
    let check = |fault: Fault, expected: Option<&str>| {
        assert_eq!(place_line(fault.place(), Language::En).as_deref(), expected);
    };
    let bare = || Fault::new(Code::Bug);
    check(bare(), None);
    check(bare().in_file("a.csv"), Some("a.csv"));
    check(bare().in_file("a.parquet").named("price"), Some("a.parquet, `price`"));
    check(bare().named("offers.gap_days"), Some("`offers.gap_days`"));
    check(bare().in_file("a.csv").at_byte(0), Some("a.csv (byte 0)"));
}
