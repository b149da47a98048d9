/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interop server on QtDBus: ADDRESS NAME. */
#include <QtCore>
#include <QtDBus>
#include <sys/stat.h>

#define PATH "/org/example/Interop"
#define IFACE "org.example.Interop1"

class Interop : public QObject, protected QDBusContext {
	Q_OBJECT
	Q_CLASSINFO("D-Bus Interface", IFACE)
	Q_PROPERTY(QString Version READ version)
	Q_PROPERTY(double Target MEMBER target)

public:
	QString version() const
	{
		return "1.0";
	}

public slots:
	int Add(int a, int b)
	{
		return a + b;
	}

	QByteArray Echo(const QByteArray &data)
	{
		return data;
	}

	QStringList Describe(const QVariantMap &values)
	{
		QStringList lines;

		for (auto i = values.begin(); i != values.end(); ++i)
			lines += i.key() + "=" + i.value().toString();
		return lines; /* a map is sorted */
	}

	void Fail()
	{
		sendErrorReply(IFACE ".Error.Broken", "it is broken");
	}

	void Shout(const QString &text)
	{
		emit Shouted(text);
	}

	qulonglong Size(const QDBusUnixFileDescriptor &file)
	{
		struct stat status;

		return fstat(file.fileDescriptor(), &status) == 0 ? qulonglong(status.st_size) : 0;
	}

signals:
	void Shouted(const QString &text);

private:
	double target = 20.5;
};

int main(int argc, char **argv)
{
	QCoreApplication application(argc, argv);
	Interop interop;

	if (argc < 3)
		return 1;
	QDBusConnection bus = QDBusConnection::connectToBus(argv[1], "interop");
	if (!bus.registerObject(PATH, &interop,
				QDBusConnection::ExportAllSlots | QDBusConnection::ExportAllSignals |
					QDBusConnection::ExportAllProperties) ||
	    !bus.registerService(argv[2]))
		return 1;
	puts("ready");
	fflush(stdout);
	return application.exec();
}

#include "server-qt.moc"
