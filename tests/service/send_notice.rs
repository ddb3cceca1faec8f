//! Trying the way to the staff.

use crate::support::feishu::{Answer, message_text};
use crate::support::{LIMIT, Rig};

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("UTF-8")
}

#[test]
fn each_bot_gets_a_test_card() {
    let mut rig = Rig::new("trial");
    let other = rig.feishu.add_bot("canary-of-another", None);
    rig.feishu.set_limits(1_000, 1_000);
    rig.reconfigure(
        "[log]",
        &format!(
            "[[feishu.routes]]\nhotels = ['H7', 'H8']\nwebhook_url = '{}'\n[log]",
            other.webhook_url()
        ),
    );
    let output = rig.roomwatt(&["send-notice"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        text(&output.stdout),
        "the default bot: Feishu has accepted the card\n\
         the bot of H7, H8: Feishu has accepted the card\n"
    );
    for bot in [&*rig.feishu, &other] {
        let card = message_text(&bot.received()[0].body);
        assert!(card.starts_with("┌─[blue] 测试通知\n"), "{card}");
    }

    let output = rig.roomwatt(&["send-notice", "--hotel-id", " H8 ", "--card", "several"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (rig.feishu.received().len(), other.received().len()),
        (1, 2)
    );
    let card = message_text(&other.received()[1].body);
    assert!(
        card.starts_with("┌─[red] 测试通知：空房用电异常 ×2"),
        "{card}"
    );
    assert!(card.contains("※ 测试通知 · 通知编号 1-4"), "{card}");
    rig.finish();
}

#[test]
fn feishus_answer_is_printed_with_its_remedy() {
    let mut rig = Rig::new("trialrefused");
    rig.feishu.set_limits(1_000, 1_000);
    let code = |status, code, msg: &str| Answer::Code {
        status,
        code,
        msg: msg.to_owned(),
    };
    for (answer, exit, part) in [
        (
            code(200, 19_024, "Key Words Not Found"),
            78,
            "code 19024 (Key Words Not Found): a keyword that the bot's settings ask for is \
             missing",
        ),
        (
            code(200, 11_246, "no such block"),
            70,
            "code 11246 (no such block)",
        ),
        (
            Answer::Status(503),
            75,
            "not accepted: the answer is HTTP 503",
        ),
        (Answer::CloseEarly, 75, "the default bot: not accepted: "),
    ] {
        rig.feishu.answer_next(answer);
        let output = rig.roomwatt(&["send-notice"]);
        assert_eq!(output.status.code(), Some(exit), "{output:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(part), "{part} is not in {errors}");
        assert!(
            errors.ends_with("1 of 1 bot did not accept the card\n"),
            "{errors}"
        );
    }
    rig.feishu.set_clock_offset(-7_200);
    let output = rig.roomwatt(&["send-notice"]);
    let errors = text(&output.stderr);
    assert!(
        errors.contains("clock is 72") && errors.contains("ahead of Feishu's: set"),
        "{errors}"
    );
    rig.finish();
}

#[test]
fn a_card_is_shown_where_there_is_no_bot() {
    let mut rig = Rig::new("trialdry");
    let output = rig.roomwatt(&["send-notice", "--dry-run", "--card", "silent"]);
    assert!(output.status.success(), "{output:?}");
    let card = text(&output.stdout);
    assert!(
        card.starts_with("  [yellow] 测试通知：电表数据中断 H12345\n"),
        "{card}"
    );

    rig.reconfigure("webhook_url = ", "language = 'en'\n#");
    let output = rig.roomwatt(&["send-notice", "--dry-run"]);
    assert!(
        text(&output.stdout).contains("[blue] Test notice\n"),
        "{output:?}"
    );
    let output = rig.roomwatt(&["send-notice"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(
        text(&output.stderr).contains("feishu.webhook_url is not set"),
        "{output:?}"
    );

    let other = rig.feishu.add_bot("canary-of-another", None);
    rig.reconfigure(
        "[log]",
        &format!(
            "[[feishu.routes]]\nhotels = ['H7']\nwebhook_url = '{}'\n[log]",
            other.webhook_url()
        ),
    );
    let output = rig.roomwatt(&["send-notice"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        text(&output.stdout),
        "the default bot: there is none, notices go to the log\n\
         the bot of H7: Feishu has accepted the card\n"
    );
    other.wait_until("one card", LIMIT, |received| received.len() == 1);
    assert!(rig.feishu.received().is_empty(), "nothing was sent");
    rig.finish();
}
