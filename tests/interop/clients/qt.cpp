/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop client on QtDBus. */
#include <QtCore>
#include <QtDBus>

#include "steps.h"

class Ear : public QObject {
	Q_OBJECT
public slots:
	void hear(const QString &text)
	{
		heard = text;
		loop.quit();
	}

public:
	QEventLoop loop;
	QString heard;
};

static QDBusConnection bus()
{
	return QDBusConnection(QStringLiteral("interop"));
}

static QDBusMessage call(const char *service, const char *interface, const char *member,
			 const QVariantList &arguments = {})
{
	QDBusMessage message = QDBusMessage::createMethodCall(service, PATH, interface, member);

	message.setArguments(arguments);
	return bus().call(message, QDBus::Block, PATIENCE_MS);
}

static const char *judge(const QDBusMessage &reply, bool is_right)
{
	static QByteArray text;

	if (reply.type() == QDBusMessage::ReplyMessage && is_right)
		return nullptr;
	text = ("error " + reply.errorName() + ": " + reply.errorMessage()).toUtf8();
	return text.constData();
}

static QVariant result(const QDBusMessage &reply)
{
	return reply.arguments().value(0);
}

static const char *step_call(const char *service)
{
	QDBusMessage reply = call(service, IFACE, "Add", { 40, 2 });

	return judge(reply, result(reply).toInt() == 42);
}

static const char *step_big(const char *service)
{
	unsigned char *bytes = big_new();
	QByteArray data(reinterpret_cast<const char *>(bytes), BIG);
	QDBusMessage reply = call(service, IFACE, "Echo", { data });

	free(bytes);
	return judge(reply, result(reply).toByteArray() == data);
}

static const char *step_variants(const char *service)
{
	QVariantMap values{ { "k", QString("x") }, { "n", 7U } };
	QDBusMessage reply = call(service, IFACE, "Describe", { values });

	return judge(reply, result(reply).toStringList() == QStringList({ "k=x", "n=7" }));
}

static const char *fail(const char *service, const char *member, const char *name, const char *text)
{
	QDBusMessage reply = call(service, IFACE, member);

	return judge_error(reply.errorName().toUtf8(), reply.errorMessage().toUtf8(), name, text);
}

static const char *step_error(const char *service)
{
	return fail(service, "Fail", BROKEN, "it is broken");
}

static const char *step_nobody(const char *service)
{
	return fail(service, "Fail", ERR "ServiceUnknown", service);
}

static const char *step_vanish(const char *service)
{
	return fail(service, "Vanish", ERR "NoReply", VANISHED);
}

static QVariant get(const char *service, const char *name)
{
	QDBusMessage reply = call(service, PROPERTIES, "Get", { IFACE, name });

	return result(reply).value<QDBusVariant>().variant();
}

static const char *step_properties(const char *service)
{
	QVariant target = QVariant::fromValue(QDBusVariant(21.5));

	if (get(service, "Version").toString() != "1.0")
		return "another version";
	const char *problem = judge(call(service, PROPERTIES, "Set", { IFACE, "Target", target }),
				    true);
	if (problem)
		return problem;
	return qFuzzyCompare(get(service, "Target").toDouble(), 21.5) ? nullptr : "another target";
}

static const char *step_signal(const char *service)
{
	Ear ear;

	bus().connect(service, PATH, IFACE, "Shouted", &ear, SLOT(hear(QString)));
	const char *problem = judge(call(service, IFACE, "Shout", { QString("hey") }), true);
	QTimer::singleShot(PATIENCE_MS, &ear.loop, &QEventLoop::quit);
	if (!problem && ear.heard.isEmpty())
		ear.loop.exec();
	if (!problem && ear.heard != "hey")
		problem = "heard something else";
	return problem;
}

static const char *step_fds(const char *service)
{
	int fd = seven_new();
	QVariant file = QVariant::fromValue(QDBusUnixFileDescriptor(fd));
	QDBusMessage reply = call(service, IFACE, "Size", { file });

	close(fd);
	return judge(reply, result(reply).toULongLong() == 7);
}

int main(int argc, char **argv)
{
	static const struct step steps[] = {
		{ "call", step_call },		 { "big", step_big },
		{ "variants", step_variants },	 { "error", step_error },
		{ "properties", step_properties }, { "signal", step_signal },
		{ "fds", step_fds },		 { "nobody", step_nobody },
		{ "vanish", step_vanish },	 { nullptr, nullptr },
	};
	QCoreApplication application(argc, argv);

	if (argc < 2 || !QDBusConnection::connectToBus(argv[1], "interop").isConnected())
		return 1;
	return run_steps(steps, argc, argv);
}

#include "client-qt.moc"
