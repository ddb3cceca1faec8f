//! What people see who are not in yet, or can't come in: the form for name and password, a standby,
//! and what is wrong with a form.

use std::collections::BTreeSet;

use askama::Template;

use crate::config::{Hotels, Language};
use crate::types::LocalTime;

use super::frame::Frame;
use super::link::to;
use super::{LOCAL, Viewer};

/// Why a person does not get what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The form was sent by another site, or by no page at all.
    OtherSite,
    /// The form was made for another session, or is old.
    Stale,
    /// The form can't be read.
    Malformed,
    /// No person is named in the configuration.
    NobodyNamed,
    /// The proxy knows somebody who is not in the configuration.
    Unknown(String),
    /// Nobody is named in the configuration, and this does not come from this machine itself.
    Elsewhere(String),
    /// Too many attempts to log in have failed.
    TooManyLogins,
    /// Too much is being done at once.
    Busy,
    /// The key of the installation is not known, and why.
    NoKey(String),
}

impl Trouble {
    /// What it says to a person: a heading, and what to do.
    fn words(&self, language: Language) -> (&'static str, &'static str) {
        let zh = language == Language::Zh;
        let pick = |in_zh: &'static str, in_en: &'static str| if zh { in_zh } else { in_en };
        match self {
            Trouble::OtherSite => (
                pick("操作被拒绝", "Refused"),
                pick(
                    "这个请求不是从本页面发出的。请用浏览器打开本页面再操作，地址要与配置中的 \
                     http.public_url 一致。",
                    "This request was not sent by a page of this address. Open the page in a \
                     browser and try again; its address has to be that of http.public_url.",
                ),
            ),
            Trouble::Stale => (
                pick("页面已过期", "This page is out of date"),
                pick(
                    "请返回，重新加载页面后再试。",
                    "Go back, reload the page, and try again.",
                ),
            ),
            Trouble::Malformed => (
                pick("无法读取提交的内容", "The form can't be read"),
                pick(
                    "请返回，重新加载页面后再试。",
                    "Go back, reload the page, and try again.",
                ),
            ),
            Trouble::NobodyNamed => (
                pick("尚未开通", "Nobody has been added yet"),
                pick(
                    "请管理员在配置中添加 [[http.users]]。",
                    "The operator has to add [[http.users]] to the configuration.",
                ),
            ),
            Trouble::Unknown(_) => (
                pick("没有权限", "Not permitted"),
                pick(
                    "您的用户名不在配置的 [[http.users]] 中，请联系管理员。",
                    "Your name is not among the [[http.users]] of the configuration: ask the \
                     operator.",
                ),
            ),
            Trouble::Elsewhere(_) => (
                pick("只能在本机访问", "For this machine alone"),
                pick(
                    "配置中没有 [[http.users]]，因此只有本机可以打开页面。",
                    "The configuration has no [[http.users]], so pages are for this machine alone.",
                ),
            ),
            Trouble::TooManyLogins => (
                pick("尝试次数过多", "Too many attempts"),
                pick("请一分钟后再试。", "Try again in a minute."),
            ),
            Trouble::Busy => (
                pick("正忙", "Busy"),
                pick("请稍后再试。", "Try again in a moment."),
            ),
            Trouble::NoKey(_) => (
                pick("暂时无法登录", "Nobody can log in at the moment"),
                pick(
                    "服务无法读取数据库中的密钥，请管理员查看日志。",
                    "The service can't read its key from the database; its log says why.",
                ),
            ),
        }
    }

    /// What the log says of it; `None` where a person has done nothing unusual.
    pub fn line(&self) -> Option<String> {
        match self {
            Trouble::OtherSite => Some(
                "a form was sent from elsewhere than http.public_url, or without the headers \
                 Origin and Sec-Fetch-Site"
                    .to_owned(),
            ),
            Trouble::Unknown(name) => Some(format!(
                "the proxy names {name:?}, who is not in http.users"
            )),
            Trouble::Elsewhere(why) | Trouble::NoKey(why) => Some(why.clone()),
            Trouble::TooManyLogins => {
                Some("too many logins have failed, more are refused for a minute".to_owned())
            }
            Trouble::Stale | Trouble::Malformed | Trouble::NobodyNamed | Trouble::Busy => None,
        }
    }
}

/// A heading and a text.
#[derive(Template)]
#[template(path = "trouble.html")]
struct Message<'a> {
    f: Frame<'a>,
    text: &'a str,
}

/// The form for name and password.
#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    f: Frame<'a>,
    words: &'static LoginWords,
    next: &'a str,
    /// The name with which it was tried and failed.
    failed: Option<&'a str>,
}

struct LoginWords {
    log_in: &'static str,
    intro: &'static str,
    name: &'static str,
    password: &'static str,
    failed: &'static str,
    forgotten: &'static str,
}

const LOGIN_ZH: LoginWords = LoginWords {
    log_in: "登录",
    intro: "查看客房的用电和异常。",
    name: "用户名",
    password: "密码",
    failed: "用户名或密码不对。",
    forgotten: "忘记密码，请联系管理员。",
};

const LOGIN_EN: LoginWords = LoginWords {
    log_in: "Log in",
    intro: "See what rooms use, and what is abnormal.",
    name: "Name",
    password: "Password",
    failed: "Wrong name or password.",
    forgotten: "Forgotten your password? Ask the operator.",
};

/// Somebody of whom nothing is known yet.
fn nobody(language: Language) -> Viewer {
    Viewer {
        name: LOCAL.to_owned(),
        hotels: Hotels::Only(BTreeSet::new()),
        may_act: false,
        language,
        form_token: None,
    }
}

/// The page that says why a person does not get what was asked for.
pub fn trouble(trouble: &Trouble, language: Language) -> String {
    let (heading, text) = trouble.words(language);
    message(heading, text, None, language)
}

/// A page that is loaded again after so many seconds, if any.
fn message(heading: &str, text: &str, reload: Option<u64>, language: Language) -> String {
    let viewer = nobody(language);
    let f = Frame::new(&viewer, heading.to_owned(), "/".to_owned());
    let f = match reload {
        Some(seconds) => f.reloaded(seconds),
        None => f,
    };
    // Rendering into memory does not fail.
    Message { f, text }.render().unwrap_or_default()
}

/// After so long the page of an instance that does not own the state is loaded again. Seconds.
const RELOADED_AFTER: u64 = 5;

/// The page of an instance that does not own the state: it stands by since this time, or it starts.
pub fn standing_by(since: Option<LocalTime>, language: Language) -> String {
    let (heading, text) = match (since, language) {
        (Some(since), Language::Zh) => (
            "备用实例",
            format!("自 {since} 起待命：另一个实例正在工作，请打开它的页面。"),
        ),
        (Some(since), Language::En) => (
            "Standby",
            format!("Standing by since {since}: another instance is at work; open its pages."),
        ),
        (None, Language::Zh) => (
            "正在启动",
            "服务正在启动或停止，稍后会自动打开。".to_owned(),
        ),
        (None, Language::En) => (
            "Starting",
            "The service starts or stops; this page comes back by itself in a moment.".to_owned(),
        ),
    };
    // Whoever looked at a page while the service was started again comes back to it.
    message(heading, &text, Some(RELOADED_AFTER), language)
}

/// The form for name and password; once more where it `failed` with this name. It leads to `next`.
pub fn login(next: &str, failed: Option<&str>, language: Language) -> String {
    let viewer = nobody(language);
    let words = match language {
        Language::Zh => &LOGIN_ZH,
        Language::En => &LOGIN_EN,
    };
    let own = to("/login", &[("next", next)]);
    let login = Login {
        f: Frame::new(&viewer, words.log_in.to_owned(), own),
        words,
        next,
        failed,
    };
    login.render().unwrap_or_default()
}
