//! A link breaks under load and is whole again: nothing is lost, nothing is done twice.

use crate::support::Link::{self, Feishu, MySql, RabbitMq};
use crate::support::proxy::Fault::{self, Cut, Delay, Hold, Reset};
use crate::support::{Rig, wait};
use crate::work::{Delivery, SLOW, Work};

/// One test for each link and fault: they run side by side, and a failure names its own.
macro_rules! every {
    ($($name:ident: $link:expr, $fault:expr;)*) => {$(
        #[test]
        fn $name() {
            survives(stringify!($name), $link, $fault);
        }
    )*};
}

every! {
    rabbitmq_slow: RabbitMq, SLOW;
    rabbitmq_cut: RabbitMq, Cut;
    rabbitmq_reset: RabbitMq, Reset;
    rabbitmq_silent: RabbitMq, Hold;
    mysql_slow: MySql, SLOW;
    mysql_cut: MySql, Cut;
    mysql_reset: MySql, Reset;
    mysql_silent: MySql, Hold;
    feishu_slow: Feishu, SLOW;
    feishu_cut: Feishu, Cut;
    feishu_reset: Feishu, Reset;
    feishu_silent: Feishu, Hold;
}

/// The same in TLS, which has its own ways of hearing of an end.
macro_rules! every_encrypted {
    ($($name:ident: $fault:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut rig = Rig::new(stringify!($name));
            rig.encrypt();
            survives_with(rig, RabbitMq, $fault);
        }
    )*};
}

every_encrypted! {
    rabbitmq_tls_slow: SLOW;
    rabbitmq_tls_cut: Cut;
    rabbitmq_tls_reset: Reset;
    rabbitmq_tls_silent: Hold;
}

fn survives(name: &str, link: Link, fault: Fault) {
    survives_with(Rig::new(name), link, fault);
}

fn survives_with(mut rig: Rig, link: Link, fault: Fault) {
    if link == RabbitMq {
        // Silence is noticed after two of them.
        rig.reconfigure("[rabbitmq]\n", "[rabbitmq]\nheartbeat_seconds = 2\n");
    }
    let proxy = rig.proxy(link);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut work = Work::default();
    work.give_and_break(&rig, link, &proxy, [fault.clone()]);
    let connections = proxy.connections();
    if matches!(fault, Delay(_)) {
        work.wait_until_watched(&rig);
    } else {
        wait("the service to try anew", || match proxy.connections() {
            same if same == connections => Err(service.log()),
            _ => Ok(()),
        });
    }
    proxy.lift();
    let delivery = match link {
        Feishu => Delivery::AtLeastOnce,
        RabbitMq | MySql => Delivery::Once,
    };
    work.finish(&rig, delivery);
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(
        rig.waiting_messages(),
        0,
        "not all was acknowledged:\n{log}"
    );
    rig.finish();
}

/// What MySQL says in place of a greeting when it has no connection left.
const TOO_MANY: &[u8] = b"\x17\0\0\0\xff\x10\x04Too many connections";

#[test]
fn a_database_with_too_many_connections_is_waited_for() {
    let mut rig = Rig::new("toomany");
    let proxy = rig.proxy(MySql);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut work = Work::default();
    let full = Fault::Answer(TOO_MANY.to_vec());
    work.give_and_break(&rig, MySql, &proxy, [Cut, full]);
    service.wait_for_log("Too many connections");
    proxy.lift();
    work.finish(&rig, Delivery::Once);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
